"""Notes that stand before a message's words and say what it refers to: `[in reply to: their words] what about it?`.

The model reads them; what is read out of the person's own words (a yes, a greeting, a language) leaves them out.
"""

from __future__ import annotations

import re
from typing import Final

REPLY_TO: Final = "in reply to"
LINK: Final = "link"
FORWARDED: Final = "[forwarded]"
"""Stands before words that the person passed on: they were said elsewhere, and agree to nothing here."""

_REFERENCES: Final = re.compile(rf"(?:\[(?:{REPLY_TO}|{LINK}): [^\[\]\n]*\]\s*)+")


def reference(label: str, words: str, most: int) -> str:
    """The note on at most so many characters of the words, on one line, whose end they cannot feign; empty for none."""
    line = " ".join(words.replace("\x00", "").split()).replace("[", "(").replace("]", ")")
    shown = line if len(line) <= most else line[: most - 1].rstrip() + "…"
    return f"[{label}: {shown}]" if shown else ""


def is_forwarded(text: str) -> bool:
    """Whether the message is something that the person passed on."""
    return own_words(text).startswith(FORWARDED)


def own_words(text: str) -> str:
    """The message without the notes before it on what it refers to."""
    found = _REFERENCES.match(text)
    return text[found.end() :] if found else text
