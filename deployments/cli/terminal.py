"""An agent's line on this terminal: its colours where they can be shown, and nothing that could steer the terminal."""

from __future__ import annotations

import re
import sys

from spine.terminal_text import plain_text

_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")
_RESET = "\x1b[0m"


def terminal_text(text: str) -> str:
    """The line with its colours on a terminal, without them elsewhere."""
    return coloured(text) if sys.stdout.isatty() else plain_text(text)


def coloured(text: str) -> str:
    """Only the sequences that choose colours are kept; an agent may print titles, clipboard writes, cursor moves."""
    parts = _COLOURS.split(text)
    kept = [part if number % 2 else plain_text(part) for number, part in enumerate(parts)]
    return "".join(kept) + (_RESET if len(parts) > 1 else "")
