"""A book's facts in words, for prompts and briefs."""

from __future__ import annotations

from typing import Any

from spine.contracts.books import BookMetadata, ConsolidatedBook, Money
from tasks.book_review.prompt_data import fenced, inline

_LABELS = {
    "title": "Title",
    "authors": "Authors",
    "publisher": "Publisher",
    "publication_date": "Publication date of this edition",
    "pages": "Pages",
    "language": "Language of this edition",
    "isbn_13": "ISBN-13",
    "isbn_10": "ISBN-10",
    "asin": "ASIN",
    "rating": "Average rating out of 5",
    "rating_count": "Number of ratings",
    "price_book": "Price of the printed book",
    "price_ebook": "Price of the e-book",
}
_FACTS_BUDGET = 6_000  # characters
_DESCRIPTION_BUDGET = 3_000


def title_and_authors(book: BookMetadata) -> dict[str, str]:
    """The two placeholders that every prompt has."""
    return {
        "title": f"“{inline(book.title)}”" if book.title else "an unnamed book",
        "authors": inline(", ".join(book.authors or [])) or "an unknown author",
    }


def fact_lines(book: ConsolidatedBook) -> list[str]:
    """One line for each known field, with what other sources say instead."""
    lines: list[str] = []
    for name, label in _LABELS.items():
        value = getattr(book.metadata, name)
        if value is not None:
            lines.append(f"{label}: {in_words(value)}{_otherwise(book, name)}")
    return lines


def fenced_facts(book: ConsolidatedBook) -> str:
    """The facts and the description as one block of data for a prompt."""
    description = book.metadata.description or "none"
    lines = [*fact_lines(book), *(f"Note: {note}" for note in book.notes)]
    return "\n\n".join(
        [
            fenced("facts of the book, checked and merged", "\n".join(lines), _FACTS_BUDGET),
            fenced("description on the product page", description, _DESCRIPTION_BUDGET),
        ]
    )


def in_words(value: Any) -> str:
    """A value of a field as text."""
    if isinstance(value, Money):
        return f"{value.amount:.2f} {value.currency}"
    if isinstance(value, dict) and {"amount", "currency"} <= value.keys():
        return in_words(Money.model_validate(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _otherwise(book: ConsolidatedBook, name: str) -> str:
    provenance = book.provenance.get(name)
    others = [f"{other.source} says {in_words(other.value)}" for other in provenance.conflicts] if provenance else []
    return f" ({'; '.join(others)})" if others else ""
