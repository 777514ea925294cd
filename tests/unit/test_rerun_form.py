"""The form that runs a review again from a stage shows what is in force."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.pages.rerun_form import rerun_form
from spine.contracts.books import BookMetadata, ConsolidatedBook
from spine.contracts.submissions import Submission, SubmitRequest
from spine.stage_overrides import STAGE_RULES

REQUEST = SubmitRequest(
    amazon_url="https://shop.example/1",
    goodreads_url="https://goodreads.example/1",
    author_site="https://author.example",
    other_links=["https://a.example", "https://b.example"],
)
BOOK = ConsolidatedBook(submission_id="sub_1", metadata=BookMetadata(title="Emma", authors=["Jane Austen"]))


def now(stage: str, overrides: dict[str, Any] | None = None) -> dict[str, str]:
    submission = Submission(submission_id="sub_1", request=REQUEST, overrides={stage: overrides or {}})
    form = rerun_form(stage, submission, BOOK)
    return {field.name: field.now for field in (*form.model, *form.content, *form.facts)}


def test_the_links_are_all_that_a_new_list_would_replace() -> None:
    assert now("additional_links_scrape")["input.links"].split() == REQUEST.links


@pytest.mark.parametrize(
    ("stage", "overrides", "field", "shown"),
    [
        ("additional_links_scrape", {"input": {"links": ["https://c.example"]}}, "input.links", "https://c.example"),
        ("article_generation", {"min_words": 90}, "min_words", "90"),
        ("article_generation", {"max_words": 3000}, "max_words", "3000"),
        ("article_generation", {"provider": "mistral"}, "provider", "mistral"),
        ("article_generation", {"model_id": "m-1"}, "model_id", "m-1"),
        ("article_generation", {"temperature": 0.0}, "temperature", "0.0"),
        ("article_generation", {"prompt": "Write about {title}"}, "prompt", "Write about {title}"),
        ("context_generation", {"input": {"context": "Be kind"}}, "input.context", "Be kind"),
        ("consolidate_book_data", {"input": {"metadata": {"title": "Ema"}}}, "input.metadata.title", "Ema"),
        ("consolidate_book_data", {"input": {"metadata": {"title": None}}}, "input.metadata.title", ""),
    ],
)
def test_what_an_earlier_rerun_changed_stands_in_the_form(
    stage: str, overrides: dict[str, Any], field: str, shown: str
) -> None:
    assert now(stage, overrides)[field] == shown != now(stage)[field]


@pytest.mark.parametrize("stage", STAGE_RULES)
def test_a_field_that_nobody_changed_shows_what_the_review_has(stage: str) -> None:
    expected = {
        "min_words": "600",
        "max_words": "1200",
        "input.links": "\n".join(REQUEST.links),
        "input.metadata.title": "Emma",
        "input.metadata.authors": "Jane Austen",
    }
    assert all(shown == expected.get(name, "") for name, shown in now(stage).items())
