"""Summaries of extra links: what a model is given to read, and the summary that needs no model."""

from __future__ import annotations

from spine.contracts.books import BookMetadata
from spine.contracts.texts import LinkPage, LinkSummary
from tasks.book_review.book_facts import title_and_authors
from tasks.book_review.prompt_data import fenced, inline
from tasks.book_review.ranking import best_sentences, key_phrases
from tasks.book_review.text_units import is_complete, sentences, words

_PAGE_BUDGET = 16_000  # characters, about 4,000 tokens
_SUMMARY_SENTENCES = 4
_KEY_POINTS = 6
_TOPICS = 8
_SHORTEST, _LONGEST = 5, 60  # words of a sentence that can stand alone


def summary_material(page: LinkPage, book: BookMetadata, language: str = "en") -> dict[str, str]:
    """Values for the prompt `book_review_link_summary`."""
    return {**bibliography_material(page, book), "language": language}


def bibliography_material(page: LinkPage, book: BookMetadata) -> dict[str, str]:
    """Values for the prompt `book_review_link_bibliography_extract`."""
    address = page.final_url or page.url
    return {
        **title_and_authors(book),
        "url": inline(address),
        "page_title": f"“{inline(page.title)}”" if page.title else "(without a title)",
        "page_text": fenced("text of the page", page.text or "(no text)", _PAGE_BUDGET),
    }


def extractive_link_summary(page: LinkPage) -> LinkSummary:
    """The page in its own most telling sentences, with its key phrases as topics. No model, no network.

    A page without readable text gives a summary that says so, and no topics.
    """
    quotable = "\n".join(sentence for sentence in quotable_sentences(page.text))
    if not quotable:
        return LinkSummary(summary="The page gave no text that could be summarised.")
    points = best_sentences(quotable, _KEY_POINTS, query=page.title or "")
    return LinkSummary(
        summary=" ".join(best_sentences("\n".join(points), _SUMMARY_SENTENCES)),
        topics=key_phrases([page.title or "", page.text], _TOPICS),
        key_points=points,
    )


def quotable_sentences(text: str) -> list[str]:
    """Whole sentences of a readable length, each once."""
    fit = (s for s in sentences(text) if is_complete(s) and _SHORTEST <= len(words(s)) <= _LONGEST)
    return list(dict.fromkeys(fit))
