"""Puts text from outside into prompts as data: fenced, defused and cut to a budget."""

from __future__ import annotations

import re

from spine.visible_text import with_joiners_that_join
from tasks.book_review.writing.text_units import cut_at_sentence

_OPEN, _CLOSE = "<<<DATA", "DATA>>>"
_MARKS = re.compile(r"<{2,}|>{2,}")
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
    r"\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
"""With them tags and variation selectors in which ASCII can be written that models read and people do not see."""
LONGEST_LINE = 300  # characters of a title, an author, an address


def fenced(label: str, text: str, budget: int) -> str:
    """A block that is labelled as data and cannot be left from inside.

    At most `budget` characters, cut after a sentence; then the label says how much of the text is shown.
    """
    clean = defused(text)
    shown = cut_at_sentence(clean, budget)
    extent = "" if len(shown) == len(clean) else f" (cut: the first {len(shown)} of {len(clean)} characters)"
    return f"{_OPEN} {inline(label)}{extent}\n{shown}\n{_CLOSE}"


def inline(text: str) -> str:
    """A short value on one line, for use inside a sentence of the prompt."""
    line = " ".join(defused(text).split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1].rstrip() + "…"


def fenced_inline(text: str) -> str:
    """A short value from a page, inside a sentence of the prompt and inside a fence of its own."""
    return f"{_OPEN} {inline(text)} {_CLOSE}"


def defused(text: str) -> str:
    """The text without fence marks and invisible characters; joiners that its spelling needs stay."""
    visible = with_joiners_that_join(_INVISIBLE.sub("", text.replace("\r\n", "\n")))
    return _MARKS.sub(lambda mark: mark.group()[0], visible).strip()
