"""International book numbers as pages print them."""

from __future__ import annotations

import re

from stdnum import isbn as stdnum_isbn

_IN_TEXT = re.compile(
    r"ISBN(?:[-\s]?1[03])?[^0-9\n]{0,20}((?:97[89][-\s]?)?(?:\d[-\s]?){9}[\dXx])(?!\d)", re.IGNORECASE
)


def bare_isbn(text: str) -> str | None:
    """The 10 or 13 characters without hyphens, check digit not looked at; None when it is neither length."""
    compact = re.sub(r"[\s\-‐-―]", "", text).upper()
    match = re.match(r"(?:\d{13}|\d{9}[\dX])(?![\dX])", compact)
    return match.group() if match and match.group().isascii() else None


def is_valid_isbn(number: str) -> bool:
    """Right length and right check digit."""
    return bool(stdnum_isbn.is_valid(number))


def as_isbn_13(number: str) -> str:
    """One name for the two lengths of a valid number."""
    return str(stdnum_isbn.to_isbn13(number))


def isbns_in_text(text: str) -> list[str]:
    """Valid numbers that stand after the letters ISBN, in order, each once."""
    found = (bare_isbn(match[1]) for match in _IN_TEXT.finditer(text))
    return list(dict.fromkeys(number for number in found if number and is_valid_isbn(number)))
