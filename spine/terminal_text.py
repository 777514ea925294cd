"""Text as a terminal was meant to show it, made plain: no colours, no cursor moves, no control characters."""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    r"""
    (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]                   # colours and cursor moves
  | (?: \x1b\] | \x9d ) [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )?   # titles and links
  | (?: \x1b[PX^_] | [\x90\x98\x9e\x9f] ) [^\x1b\x9c]* (?: \x1b\\ | \x9c )?  # device strings
  | \x1b [ -/]* [0-~]?                                        # everything else that Escape begins
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def plain_text(text: str) -> str:
    """`text` without ANSI sequences and control characters (tabs stay); safe to print and to show."""
    if not _CONTROL.search(text):
        return text
    return _CONTROL.sub("", _SEQUENCES.sub("", text))
