"""Reads decoded lines one at a time; a line that cannot be decoded is named and left out."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple, cast

from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, Trouble

_UNDECODED = "\udcff"
"""Stands for bytes that cannot be decoded. No text holds half a surrogate pair; many hold U+FFFD, which an earlier
program has written in place of a letter."""
_MARKED = "millrace.undecoded"

codecs.register_error(_MARKED, lambda error: (_UNDECODED, cast(UnicodeDecodeError, error).end))


class Line(NamedTuple):
    """A line without its end, or a bounded piece of a longer one; the pieces of a line join to the whole."""

    number: int  # from 1
    text: str
    ends: bool = True  # False: the line goes on in the next piece


def read_lines(file: BinaryIO, encoding: str) -> Iterator[Line | Trouble]:
    """Lines from the file's present place. The file stays open."""
    text = io.TextIOWrapper(file, encoding=encoding, errors=_MARKED, newline=None)
    try:
        yield from _lines(text, encoding)
    finally:
        with suppress(ValueError):  # a reader that gave up has closed the file already
            text.detach()


def _lines(text: io.TextIOWrapper, encoding: str) -> Iterator[Line | Trouble]:
    number = 1
    rest = ""  # the beginning of a word that the last piece cut through
    while piece := text.readline(LONGEST_BLOCK):
        ends = piece.endswith("\n") or len(piece) < LONGEST_BLOCK
        whole, rest = _at_a_space(rest + piece, ends)
        if _UNDECODED in whole:
            yield Trouble(f"holds bytes that are not {encoding.removesuffix('-sig')}", line=number)
        else:
            yield Line(number, whole.rstrip("\n"), ends)
        number += ends
    if rest:
        yield Line(number, rest)


def _at_a_space(piece: str, ends: bool) -> tuple[str, str]:
    cut = -1 if ends else piece.rfind(" ", LONGEST_BLOCK // 2)
    return (piece, "") if cut < 0 else (piece[: cut + 1], piece[cut + 1 :])
