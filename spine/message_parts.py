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
_JOINER = "\u200d"


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
        end = _cut(_fitting(rest, most, measure))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def _fitting(text: str, most: int, measure: Measure) -> str:
    """The longest beginning that fits."""
    low, high = 1, min(len(text), most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= most else (low, middle - 1)
    return text[:low]


def _cut(window: str) -> int:
    """Where to cut inside the window: at the last pause of the best kind, unless that would leave a short part."""
    for pause in _PAUSES:
        ends = [found.end() for found in pause.finditer(window)]
        if ends and ends[-1] > len(window) // 3:
            return ends[-1]
    return _between_characters(window)


def _between_characters(window: str) -> int:
    """As late as possible, but not inside what shows as one character."""
    end = len(window)
    while end > max(1, len(window) - 32) and _goes_on(window[end - 1]):
        end -= 1
    return end if end > 1 else len(window)


def _goes_on(character: str) -> bool:
    return character == _JOINER or unicodedata.combining(character) > 0 or 0x1F1E6 <= ord(character) <= 0x1F1FF
