"""What of a text can be seen: joiners that join two signs, characters that show nothing, and whether any is left."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINERS: Final = re.compile("[\u200c\u200d]+")
_FIRST_JOINED: Final = "\u0590"  # the scripts before it are written the same with and without joiners

_LINE_ENDS: Final = re.compile("\r\n?|[\v\f\x85]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Halves of a surrogate pair too, which JSON may hold by themselves: they cannot be sent."""
_BLANK_SIGNS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers of Hangul and the empty Braille cell: letters and symbols by their category, and nothing to see."""


def with_joiners_that_join(text: str) -> str:
    """The text with one joiner of each run that stands between two signs, and none anywhere else.

    A zero-width joiner or non-joiner between two signs is spelling: in Persian, in Indic scripts, in emoji. Take other
    invisible characters out before, or they count as signs that nothing joins.
    """
    return text if text.isascii() else _JOINERS.sub(_joined, text)


def without_controls(text: str) -> str:
    """The text with line feeds and tabs for its only control characters."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))


def shows_something(text: str) -> bool:
    """Whether a reader sees any sign of it; blanks, formats and marks without a letter are none."""
    return any(unicodedata.category(sign)[0] not in "CMZ" and sign not in _BLANK_SIGNS for sign in text)


def _joined(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return found[0][0] if _may_be_joined(before) and _may_be_joined(after) else ""


def _may_be_joined(sign: str) -> bool:
    return sign >= _FIRST_JOINED and unicodedata.category(sign)[0] in "LMS"
