"""A long text as several messages, cut where a reader would pause."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

Measure = Callable[[str], int]

# From the best place to cut to the worst; the cut is at the end of what matches.
_PAUSES: Final = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s|[。！？]"),
    re.compile(r"\s"),
)
_JOINER: Final = "\u200d"
_MODIFIERS: Final = frozenset("\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_LONGEST_CLUSTER: Final = 32


def utf16_units(text: str) -> int:
    """How Telegram counts: a character outside of the basic plane is two."""
    return len(text) + sum(character > "\uffff" for character in text)


def message_parts(text: str, most: int, measure: Measure = len) -> list[str]:
    """The text in parts of at most `most` units, without blanks at their ends; none for a blank text.

    Cut between paragraphs where possible, else between lines, sentences, words, and last between characters. Only
    the blanks at a cut are lost.
    """
    parts: list[str] = []
    rest = text.strip()
    while measure(rest) > most:
        end = _cut(rest, _fitting(rest, most, measure))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def _fitting(text: str, most: int, measure: Measure) -> int:
    """How many characters of the beginning fit; at least one."""
    low, high = 1, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= most else (low, middle - 1)
    return low


def _cut(text: str, size: int) -> int:
    """Where to cut the first `size` characters off: at the last pause of the best kind, unless that would leave a
    short part."""
    for pause in _PAUSES:
        ends = [found.end() for found in pause.finditer(text, 0, size)]
        if ends and ends[-1] > size // 3:
            return ends[-1]
    places = range(size, max(0, size - _LONGEST_CLUSTER), -1)
    return next((end for end in places if not _is_inside_character(text, end)), size)


def _is_inside_character(text: str, end: int) -> bool:
    """Whether a cut at `end` would part what shows as one character: an accent, a family, a skin tone, a flag."""
    before, after = text[end - 1], text[end] if end < len(text) else " "
    if before == _JOINER or after == _JOINER or unicodedata.combining(after) or after in _MODIFIERS:
        return True
    return _is_flag_half(after) and _flag_halves_before(text, end) % 2 == 1


def _flag_halves_before(text: str, end: int) -> int:
    start = end
    while start > 0 and _is_flag_half(text[start - 1]):
        start -= 1
    return end - start


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
