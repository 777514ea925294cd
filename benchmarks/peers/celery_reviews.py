"""A review as a chain of Celery tasks, one stage after the other and one link after the other.

The work is ours wherever it is work: the same pages are read by the same parsers, the model is asked the same number
of times with texts of the same length, and the article is held against the same facts. What differs is what is
compared: how the stages are run. The chain is spared what a review of ours also does: no browser, no URL guard, no
provider chain, no record of attempts and costs, no artifact, no cache, no lease.
"""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
from pydantic import BaseModel
from redis import Redis

from benchmarks.peers.celery_worker import REDIS_VARIABLE, celery_application
from spine.contracts.books import BookMetadata
from spine.contracts.texts import (
    BibliographicCandidate,
    ContextBrief,
    DraftArticle,
    LinkPage,
    LinkSummary,
    ResearchInsight,
    WebResearch,
)
from tasks.book_review.article import clean_markdown
from tasks.book_review.consolidate import SourcedMetadata, consolidate
from tasks.book_review.examination import examine
from tasks.book_review.knowledge import build_knowledge
from tasks.book_review.main_text import extract_main_text
from tasks.book_review.product_page import parse_bibliography, parse_product_page

_WORDS = (600, 1200)
_LONGEST_PROMPT = 16_000

app = celery_application("reviews")
redis = Redis.from_url(os.environ[REDIS_VARIABLE])
http = httpx.Client(timeout=60, trust_env=False)


def review(model: str, product: str, links: list[str]) -> Any:
    """Start the chain; its last result is the number of words of the article."""
    from celery import chain

    given = {"model": model, "product": product, "links": links}
    stages = (read_links, summarize_links, consolidate_book, research, build_context, write_article)
    return chain(read_product.s(given), *(stage.s() for stage in stages)).apply_async()


@app.task
def read_product(given: dict[str, Any]) -> dict[str, Any]:
    metadata, _ = parse_product_page(http.get(given["product"]).content, given["product"])
    return _done("amazon_scrape", given | {"book": metadata.model_dump(mode="json")})


@app.task
def read_links(given: dict[str, Any]) -> dict[str, Any]:
    pages: list[dict[str, Any]] = []
    for link in given["links"]:
        html = http.get(link).content
        text = extract_main_text(html, link)
        page = LinkPage(url=link, title=text.title, text=text.text, bibliography=parse_bibliography(html, link))
        found = _ask(given["model"], page.text, BibliographicCandidate)
        pages.append(page.model_copy(update={"bibliography": found}).model_dump(mode="json"))
        _tell("additional_links_scrape", len(pages) / len(given["links"]))
    return _done("additional_links_scrape", given | {"pages": pages})


@app.task
def summarize_links(given: dict[str, Any]) -> dict[str, Any]:
    summaries: list[dict[str, Any]] = []
    for page in given["pages"]:
        summaries.append(_ask(given["model"], page["text"], LinkSummary).model_dump(mode="json"))
        _tell("summarize_additional_links", len(summaries) / len(given["pages"]))
    return _done("summarize_additional_links", given | {"summaries": summaries})


@app.task
def consolidate_book(given: dict[str, Any]) -> dict[str, Any]:
    sources = [SourcedMetadata("amazon", given["product"], BookMetadata.model_validate(given["book"]))]
    for number, page in enumerate(_pages(given), start=1):
        sources.append(SourcedMetadata(f"link:{number}", page.url, page.bibliography))
    return _done("consolidate_book_data", given | {"facts": consolidate(sources).model_dump(mode="json")})


@app.task
def research(given: dict[str, Any]) -> dict[str, Any]:
    read = " ".join(summary["summary"] for summary in given["summaries"])
    insight = _ask(given["model"], read, ResearchInsight)
    return _done("internet_research", given | {"research": WebResearch(insight=insight).model_dump(mode="json")})


@app.task
def build_context(given: dict[str, Any]) -> dict[str, Any]:
    knowledge = build_knowledge(*_material(given))
    brief = _ask(given["model"], knowledge.context, ContextBrief)
    kept = knowledge.model_copy(update={"context": brief.context}).model_dump(mode="json")
    return _done("context_generation", given | {"knowledge": kept})


@app.task
def write_article(given: dict[str, Any]) -> int:
    book, *_ = _material(given)
    passages = build_knowledge(*_material(given)).passages
    draft = _ask(given["model"], given["knowledge"]["context"], DraftArticle)
    tidy = draft.model_copy(update={"content": clean_markdown(draft.content, draft.title)})
    examined = examine(tidy, book, passages, _WORDS)
    _done("article_generation", examined.model_dump(mode="json"))
    return examined.word_count


def _material(given: dict[str, Any]) -> tuple[Any, list[LinkPage], list[LinkSummary], WebResearch]:
    from spine.contracts.books import ConsolidatedBook

    summaries = [LinkSummary.model_validate(one) for one in given["summaries"]]
    return (
        ConsolidatedBook.model_validate(given["facts"]),
        _pages(given),
        summaries,
        WebResearch.model_validate(given["research"]),
    )


def _pages(given: dict[str, Any]) -> list[LinkPage]:
    return [LinkPage.model_validate(page) for page in given["pages"]]


def _ask(model: str, text: str, kind: type[BaseModel]) -> Any:
    """One completion in the answer format of the type."""
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": kind.model_json_schema()}}
    said = [{"role": "system", "content": "Answer as JSON."}, {"role": "user", "content": text[:_LONGEST_PROMPT]}]
    body = {"model": "gpt-4", "messages": said, "response_format": schema}
    answer = http.post(f"{model}/chat/completions", json=body).raise_for_status().json()
    return kind.model_validate_json(answer["choices"][0]["message"]["content"])


def _done(stage: str, result: dict[str, Any]) -> dict[str, Any]:
    _tell(stage, 1.0)
    return result


def _tell(stage: str, share: float) -> None:
    redis.publish("task_updates", json.dumps({"type": "progress", "current_step": stage, "progress": share * 100}))
