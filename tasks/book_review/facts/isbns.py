"""Checks the ISBNs of one source and derives the form that is missing."""

from __future__ import annotations

from dataclasses import dataclass

from stdnum import isbn as isbn_check

from tasks.book_review.facts.quantities import bare_isbn


@dataclass(frozen=True, slots=True)
class IsbnPair:
    """Both forms of one ISBN, and how each was got. A 979 ISBN has no form of ten characters."""

    isbn_13: str | None = None
    isbn_10: str | None = None
    derived: dict[str, str] | None = None
    """field → the field that it was computed from"""
    notes: tuple[str, ...] = ()


def read_isbns(source: str, isbn_10: str | None, isbn_13: str | None, asin: str | None = None) -> IsbnPair:
    """The valid ISBN of a source in both forms; what fails its check digit is dropped with a note.

    Digits in the wrong field are put right. Where two valid numbers contradict each other, the 13-digit field
    wins. The ASIN of a printed book is its ISBN-10 and serves when the page gives no ISBN.
    """
    notes: list[str] = []
    valid: list[tuple[str, str]] = []
    for name, raw in (("isbn_13", isbn_13), ("isbn_10", isbn_10)):
        code = bare_isbn(raw or "")
        if code and isbn_check.is_valid(code):
            valid.append((name, code))
        elif raw and raw.strip():
            label = "ISBN-13" if name == "isbn_13" else "ISBN-10"
            notes.append(f"{source}: the {label} {raw.strip()} fails its check and was left out.")
    if not valid and asin and not asin.upper().startswith("B") and isbn_check.is_valid(bare_isbn(asin)):
        valid.append(("asin", bare_isbn(asin)))
    if not valid:
        return IsbnPair(notes=tuple(notes))
    return _pair(source, valid, notes)


def _pair(source: str, valid: list[tuple[str, str]], notes: list[str]) -> IsbnPair:
    origin, code = valid[0]
    long_form = isbn_check.to_isbn13(code)
    for _, other in valid[1:]:
        if isbn_check.to_isbn13(other) != long_form:
            notes.append(f"{source}: {other} is not the same book number as {code} and was left out.")
    short_form = isbn_check.to_isbn10(long_form) if long_form.startswith("978") else None
    said = {code for _, code in valid}
    derived = {
        name: origin for name, form in (("isbn_13", long_form), ("isbn_10", short_form)) if form and form not in said
    }
    return IsbnPair(long_form, short_form, derived, tuple(notes))
