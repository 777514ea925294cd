"""Writes the `<![CDATA[` sections of XML as text with entities, which is what a parser of HTML knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import chain

_OPENS = re.compile(r"<!\[CDATA\[|<!--")
_SECTION = "<![CDATA["
_ENDS = {_SECTION: "]]>", "<!--": "-->"}


def escaped_sections(pieces: Iterable[str]) -> Iterator[str]:
    """The same XML in pieces, its sections escaped; a mark may be cut in two by a piece's end. Comments stay."""
    rest, opened = "", ""
    for piece in chain(pieces, [None]):
        text, at = rest + (piece or ""), 0
        while found := _next_mark(text, at, opened):
            yield _written(text[at : found[0]], opened)
            mark = text[found[0] : found[1]]
            yield "" if _SECTION in (mark, opened) else mark
            at, opened = found[1], "" if opened else mark
        cut = len(text) if piece is None else _cut(text, at, opened)
        yield _written(text[at:cut], opened)
        rest = text[cut:]


def _next_mark(text: str, at: int, opened: str) -> tuple[int, int] | None:
    """Where the section or comment ends that is open, or the next one begins."""
    if opened:
        found = text.find(_ENDS[opened], at)
        return (found, found + len(_ENDS[opened])) if found >= 0 else None
    begun = _OPENS.search(text, at)
    return begun.span() if begun else None


def _cut(text: str, at: int, opened: str) -> int:
    """Where the text ends that cannot be the beginning of a mark."""
    marks = (_ENDS[opened],) if opened else tuple(_ENDS)
    held = (size for mark in marks for size in range(1, len(mark)) if text.endswith(mark[:size], at))
    return len(text) - max(held, default=0)


def _written(text: str, opened: str) -> str:
    return escape(text, quote=False) if opened == _SECTION else text
