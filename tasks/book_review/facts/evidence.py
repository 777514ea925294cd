"""What an article may state: the facts and passages of a book, indexed to hold statements against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from stdnum import isbn as isbn_check

from spine.contracts.books import BookMetadata, ConsolidatedBook, Money
from spine.contracts.texts import Passage
from tasks.book_review.facts.author_names import natural_order
from tasks.book_review.facts.languages import language_code, language_names
from tasks.book_review.facts.lexicon import guess_language, lexicon
from tasks.book_review.facts.name_index import NameIndex
from tasks.book_review.facts.names import NameFound
from tasks.book_review.facts.quantities import Found, bare_isbn, date_agrees, number_agrees, scan

_RATING_SCALE = 5.0  # `BookMetadata.rating` is out of five


@dataclass(slots=True)
class Evidence:
    """Numbers, dates, ISBNs and names of the sources, each with the label of its source."""

    numbers: list[tuple[str, Found]] = field(default_factory=list[tuple[str, Found]])
    isbns: dict[str, str] = field(default_factory=dict[str, str])
    codes: dict[str, str] = field(default_factory=dict[str, str])
    names: NameIndex = field(default_factory=NameIndex)

    def of_quantity(self, claim: Found) -> str | None:
        """The label that bears out a number, date, ISBN or code; None where nothing does."""
        if claim.kind == "isbn":
            return self.isbns.get(claim.code)
        if claim.kind == "code":
            return self.codes.get(claim.code)
        return next((label for label, fact in self.numbers if _agrees(claim, fact)), None)

    def of_name(self, name: NameFound) -> str | None:
        """The label that bears out a name; None where nothing does."""
        return self.names.find(name)


def gather(book: ConsolidatedBook | BookMetadata, passages: Sequence[Passage]) -> Evidence:
    """Everything that the facts (those of each source too) and the passages say."""
    evidence = Evidence()
    for label, value in _facts(book):
        _add_fact(evidence, label, value)
    for number, passage in enumerate(passages, start=1):
        label = f"passage {number} ({passage.source})"
        evidence.names.add(label, passage.source, any_case=True)
        _add_text(evidence, label, passage.text)
    return evidence


def _agrees(claim: Found, fact: Found) -> bool:
    as_date = bool(claim.days and fact.days) and date_agrees(claim, fact)
    return as_date or number_agrees(claim, fact)


def _facts(book: ConsolidatedBook | BookMetadata) -> Iterator[tuple[str, Any]]:
    if isinstance(book, BookMetadata):
        yield from book
        return
    yield from book.metadata
    for name, provenance in book.provenance.items():
        for other in provenance.conflicts:
            yield f"{name} ({other.source})", other.value
    for source in book.sources:
        yield "source", source.source
        if isinstance(source.value, dict):
            yield from ((f"{name} ({source.source})", value) for name, value in source.value.items())


def _add_fact(evidence: Evidence, label: str, value: Any) -> None:
    field_name = label.split(" ")[0]
    money = _money(value)
    if money:
        evidence.numbers.append((label, _exact(money.amount, unit=frozenset({money.currency}))))
    elif isinstance(value, (int, float)):
        evidence.numbers.append((label, _exact(float(value))))
        if field_name == "rating":
            evidence.numbers.append(("rating scale", _exact(_RATING_SCALE)))
    elif isinstance(value, list):
        for author in value:
            evidence.names.add(label, natural_order(str(author)), any_case=True)
    elif isinstance(value, str):
        _add_text_fact(evidence, label, field_name, value)


def _add_text_fact(evidence: Evidence, label: str, field_name: str, value: str) -> None:
    if field_name in ("isbn_10", "isbn_13", "asin"):
        evidence.codes[value.lower()] = label
        _add_isbn(evidence, label, bare_isbn(value))
    elif field_name == "language":
        for name in (value, *language_names(language_code(value) or "")):
            evidence.names.add(label, name, any_case=True)
    elif field_name != "cover_image_url":
        evidence.names.add(label, value, any_case=field_name != "description")
        _add_quantities(evidence, label, value)


def _add_text(evidence: Evidence, label: str, text: str) -> None:
    evidence.names.add(label, text)
    _add_quantities(evidence, label, text)


def _add_quantities(evidence: Evidence, label: str, text: str) -> None:
    for found in _quantities(text):
        if found.kind == "isbn":
            _add_isbn(evidence, label, found.code)
        elif found.kind == "code":
            evidence.codes.setdefault(found.code, label)
        else:
            evidence.numbers.append((label, found))


@lru_cache(maxsize=512)
def _quantities(text: str) -> tuple[Found, ...]:
    return tuple(scan(text, lexicon(guess_language(text))))


def _add_isbn(evidence: Evidence, label: str, code: str) -> None:
    """Both forms of one ISBN are the same statement."""
    evidence.isbns.setdefault(code, label)
    if not isbn_check.is_valid(code):
        return
    evidence.isbns.setdefault(isbn_check.to_isbn13(code), label)
    if len(code) == 10 or code.startswith("978"):
        evidence.isbns.setdefault(isbn_check.to_isbn10(code), label)


def _money(value: Any) -> Money | None:
    if isinstance(value, Money):
        return value
    return Money.model_validate(value) if isinstance(value, dict) and {"amount", "currency"} <= value.keys() else None


def _exact(value: float, unit: frozenset[str] = frozenset()) -> Found:
    return Found("number", "", 0, 0, value=value, unit=unit)
