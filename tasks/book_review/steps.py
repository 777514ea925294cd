"""The tasks of a book review: one effect worth retrying each, its result kept under the key that the stage gives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from prefect import task

from spine.contracts.answers import StageAnswer
from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.texts import (
    Article,
    BibliographicCandidate,
    ContextBrief,
    DraftArticle,
    KnowledgeBase,
    LinkPage,
    LinkSummary,
    ResearchInsight,
    ResearchNote,
    WebResearch,
)
from spine.effects import EffectLedger
from spine.errors import ExternalServiceError, NotConfiguredError, NotFoundError
from spine.publishing_port import NO_SITE, PublishedPost
from spine.services import current_services
from tasks.book_review import consolidate as merging
from tasks.book_review.article import article_material, length_problem, structure_problem
from tasks.book_review.asking import Asking, ask
from tasks.book_review.extractive import extractive_article
from tasks.book_review.fetching import ProductPage, read_link, read_product
from tasks.book_review.knowledge import context_material
from tasks.book_review.link_summary import bibliography_material, extractive_link_summary, summary_material
from tasks.book_review.publish.subjects import read_subjects
from tasks.book_review.publishing import publish
from tasks.book_review.records import reviewed_book
from tasks.book_review.research import extractive_insight, insight_material
from tasks.retrying import RETRIED, STAGE, TaskOptions, obeys_retry_after

_ONE_QUICK_RETRY: TaskOptions = {**STAGE, "retries": 1, "retry_delay_seconds": lambda retries: [0.5] * retries}
_LENGTH_REASKS = 2


@task(name="read product page", task_run_name="read {url}", **STAGE)
@obeys_retry_after
async def read_product_page(key: str, url: str, delay_seconds: float) -> ProductPage:
    await asyncio.sleep(delay_seconds)
    return await read_product(current_services(), url)


@task(name="read link", task_run_name="read {url}", **STAGE)
@obeys_retry_after
async def read_link_page(key: str, url: str, delay_seconds: float) -> LinkPage:
    await asyncio.sleep(delay_seconds)
    return await read_link(current_services(), url)


@task(name="extract bibliography", task_run_name="bibliography of {page.url}", **STAGE)
@obeys_retry_after
async def extract_bibliography(key: str, page: LinkPage, book: BookMetadata, asking: Asking) -> StageAnswer:
    values = bibliography_material(page, book)
    return await ask(asking, values, BibliographicCandidate, extractive=lambda: page.bibliography)


@task(name="summarise link", task_run_name="summary of {page.url}", **STAGE)
@obeys_retry_after
async def summarize_link(key: str, page: LinkPage, book: BookMetadata, language: str, asking: Asking) -> StageAnswer:
    await asyncio.sleep(asking.delay_seconds)
    values = summary_material(page, book, language)
    return await ask(asking, values, LinkSummary, extractive=lambda: extractive_link_summary(page))


@task(name="consolidate", task_run_name="merge {sources_count} sources", **STAGE)
async def consolidate_sources(
    key: str, sources: Sequence[merging.SourcedMetadata], sources_count: int, delay_seconds: float
) -> ConsolidatedBook:
    await asyncio.sleep(delay_seconds)
    return merging.consolidate(sources)


@task(name="ask research source", task_run_name="ask {source}", **_ONE_QUICK_RETRY)
@obeys_retry_after
async def ask_research_source(key: str, source: str, book: BookMetadata, language: str) -> list[ResearchNote]:
    """Notes of one source. Raises `ExternalServiceError` when it could not be asked, so that nothing is cached."""
    asked = next((one for one in current_services().sources if one.name == source), None)
    if asked is None:
        raise NotFoundError(f"There is no research source {source!r}.")
    notes = await asked.search(book, language)
    if unreachable := next((note for note in notes if note.unreachable), None):
        raise ExternalServiceError(unreachable.error, service=source)
    return notes


@task(name="read research", task_run_name="themes and readers of {title}", **STAGE)
@obeys_retry_after
async def read_research(
    key: str,
    title: str,
    book: ConsolidatedBook,
    notes: Sequence[ResearchNote],
    summaries: Sequence[LinkSummary],
    language: str,
    asking: Asking,
) -> StageAnswer:
    await asyncio.sleep(asking.delay_seconds)
    values = insight_material(book, notes, summaries, language)
    return await ask(asking, values, ResearchInsight, extractive=lambda: extractive_insight(book, notes, summaries))


@task(name="write brief", task_run_name="brief on {title}", **STAGE)
@obeys_retry_after
async def write_brief(
    key: str,
    title: str,
    book: ConsolidatedBook,
    knowledge: KnowledgeBase,
    summaries: Sequence[LinkSummary],
    research: WebResearch,
    language: str,
    asking: Asking,
) -> StageAnswer:
    await asyncio.sleep(asking.delay_seconds)
    values = context_material(book, summaries, research, knowledge.passages, language)
    return await ask(asking, values, ContextBrief, extractive=lambda: ContextBrief(context=knowledge.context))


@task(name="write article", task_run_name="article on {title}", **STAGE)
@obeys_retry_after
async def write_article(
    key: str,
    title: str,
    book: ConsolidatedBook,
    knowledge: KnowledgeBase,
    summaries: Sequence[LinkSummary],
    research: WebResearch,
    language: str,
    words: tuple[int, int],
    asking: Asking,
) -> StageAnswer:
    """A draft within the word bounds; one that misses them after two more tries is taken as it is (and flagged)."""
    await asyncio.sleep(asking.delay_seconds)
    patience = _Patience(words, _LENGTH_REASKS)
    return await ask(
        asking,
        article_material(book, knowledge, research, language, *words),
        DraftArticle,
        extractive=lambda: extractive_article(book, knowledge, summaries, research, language, *words),
        check=patience.complaint,
    )


class _Patience:
    """Complains about a draft's length as often as it is told to, and about a missing structure always."""

    def __init__(self, words: tuple[int, int], complaints: int) -> None:
        self._words = words
        self._left = complaints

    def complaint(self, draft: DraftArticle) -> str | None:
        length = length_problem(draft, *self._words)
        if length is not None:
            self._left -= 1
        heard = [structure_problem(draft), length if self._left >= 0 else None]
        return " ".join(one for one in heard if one) or None


@task(name="publish article", task_run_name="publish {title}", **RETRIED)
@obeys_retry_after
async def publish_article(title: str, article: Article, language: str, delay_seconds: float) -> PublishedPost:
    """The article's one post, made or updated. Never cached: calling it again is how a post is brought up to date.

    Raises `NotConfiguredError` without a WordPress block, else what `tasks.book_review.publishing.publish` raises.
    """
    await asyncio.sleep(delay_seconds)
    services = current_services()
    await services.refresh_credentials()  # who has just mended the site's block approves at once
    site = services.open_site()
    if site is None:
        raise NotConfiguredError(NO_SITE, what="WordPressSite block")
    try:
        return await publish(
            article,
            await reviewed_book(services.documents, article.submission_id),
            EffectLedger(services.documents),
            site,
            services.pages,
            subjects=await read_subjects(services.documents, article.submission_id),
            language=language,
        )
    finally:
        await site.close()
