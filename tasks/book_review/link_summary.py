"""Summaries of extra links: what a model is given to read, and the summary that needs no model."""

from __future__ import annotations

from spine.contracts.books import BookMetadata
from spine.contracts.texts import LinkPage, LinkSummary
from tasks.book_review.book_facts import title_and_authors
from tasks.book_review.prompt_data import fenced, fenced_inline
from tasks.book_review.writing.quotable import quotable_sentences
from tasks.book_review.writing.ranking import best_sentences, key_phrases

_PAGE_BUDGET = 16_000  # characters, about 4,000 tokens
_SUMMARY_SENTENCES = 4
_KEY_POINTS = 6
_TOPICS = 8


def summary_material(page: LinkPage, book: BookMetadata, language: str = "en") -> dict[str, str]:
    """Values for the prompt `book_review_link_summary`."""
    return {**bibliography_material(page, book), "language": language}


def bibliography_material(page: LinkPage, book: BookMetadata) -> dict[str, str]:
    """Values for the prompt `book_review_link_bibliography_extract`."""
    address = page.final_url or page.url
    return {
        **title_and_authors(book),
        "url": fenced_inline(address),
        "page_title": fenced_inline(f"“{page.title}”") if page.title else "(without a title)",
        "page_text": fenced("text of the page", page.text or "(no text)", _PAGE_BUDGET),
    }


def extractive_link_summary(page: LinkPage) -> LinkSummary:
    """The page in its own most telling sentences, with its key phrases as topics. No model, no network.

    A page without sentences that can be quoted gives an empty one: what a summary says is taken for the page's words.
    """
    quotable = "\n".join(quotable_sentences(page.text))
    if not quotable:
        return LinkSummary(summary="")
    points = best_sentences(quotable, _KEY_POINTS, query=page.title or "")
    return LinkSummary(
        summary=" ".join(best_sentences("\n".join(points), _SUMMARY_SENTENCES)),
        topics=key_phrases([page.title or "", quotable], _TOPICS),
        key_points=points,
    )
