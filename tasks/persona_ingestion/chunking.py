"""Cuts a stream of blocks into chunks along the text's own structure.

A chunk never leaves its poem or chapter; parts of one that are only numbered (`I`, `II`) may share a chunk, whose path
names the first of them. Inside a chapter, it ends where a part, a paragraph or a stanza ends, else where a sentence or
a verse does. Among equally good places the words themselves decide, not the distance from the start:
an edit moves the chunks around it and leaves those further on as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from spine.errors import InvalidInputError
from spine.words import words
from tasks.persona_ingestion.token_meter import TokenMeter
from tasks.persona_ingestion.units import Unit, begins_apart, pieces_of, units

_LEAST_FILL = 0.5  # of the room, where the text goes on
_LEAST_OF_TWO = 0.3  # of the room, for either of the last two chunks of a section
_ENOUGH_AHEAD = 1.6  # of a chunk, looked at before an end is chosen
_LEAST_SIZE = 16  # tokens
_ANCHOR = 64  # characters that vote for a chunk's beginning


@dataclass(frozen=True, slots=True)
class ChunkSize:
    """In tokens of the embedding model, its frame included."""

    tokens: int = 240
    overlap: int = 40

    @classmethod
    def within(cls, max_tokens: int) -> ChunkSize:
        """The usual size, or as much of it as a model reads, with the usual share of overlap."""
        usual = cls()
        tokens = min(usual.tokens, max_tokens)
        return cls(tokens, tokens * usual.overlap // usual.tokens)

    def __post_init__(self) -> None:
        if self.tokens < _LEAST_SIZE or not 0 <= self.overlap <= self.tokens // 2:
            raise InvalidInputError(
                f"a chunk needs at least {_LEAST_SIZE} tokens and an overlap of at most half its size, "
                f"not {self.tokens} and {self.overlap}"
            )


class Piece(NamedTuple):
    """A chunk before it has a name: `text` is the normalised text from `start` to `end`."""

    text: str
    start: int  # characters
    end: int
    path: tuple[str, ...]  # headings above it, outermost first
    tokens: int
    line: int | None  # where its first new words stand in the file
    author: str | None


def chunk_blocks(blocks: Iterable[Unit], size: ChunkSize, meter: TokenMeter) -> Iterator[Piece]:
    """Chunks in the order of the text. Holds about two chunks at a time.

    `blocks` are whole blocks with their places in the normalised text (see `units.place_blocks`).
    """
    room = size.tokens - meter.frame
    for section in _sections(units(blocks, room // 2, meter)):
        yield from _chunks_of_section(section, room, size.overlap, meter)


def _sections(stream: Iterable[Unit]) -> Iterator[Iterator[Unit]]:
    """Runs of units that may share chunks. Each run must be read to its end before the next one is asked for."""
    units_left = iter(stream)
    upcoming = next(units_left, None)

    def section() -> Iterator[Unit]:
        nonlocal upcoming
        only_headings = True
        while upcoming is not None:
            unit = upcoming
            only_headings = only_headings and unit.heading
            yield unit
            upcoming = next(units_left, None)
            if upcoming is None or begins_apart(upcoming, unit, only_headings):
                return

    while upcoming is not None:
        yield section()


def _chunks_of_section(section: Iterator[Unit], room: int, overlap: int, meter: TokenMeter) -> Iterator[Piece]:
    lead: list[Unit] = []
    ahead: list[Unit] = []
    ahead_tokens = 0
    while True:
        left = room - sum(unit.tokens for unit in lead)
        while ahead_tokens <= left * _ENOUGH_AHEAD and (unit := next(section, None)) is not None:
            ahead.append(unit)
            ahead_tokens += unit.tokens
        if not ahead:
            return
        ended = ahead_tokens <= left * _ENOUGH_AHEAD
        count = _fill(ahead, left, overlap if ended else None)
        fresh, ahead = ahead[:count], ahead[count:]
        ahead_tokens -= sum(unit.tokens for unit in fresh)
        yield _piece(lead, fresh)
        lead = _tail(fresh, overlap, meter)


def _fill(ahead: list[Unit], room: int, overlap_at_end: int | None) -> int:
    """How many of the units ahead go into the next chunk; `overlap_at_end` says that they are the section's last."""
    filled = list(accumulate(unit.tokens for unit in ahead))
    total = filled[-1]
    low, high = _LEAST_FILL * room, float(room)
    if overlap_at_end is not None:
        if total <= room:
            return len(ahead)
        low = max(_LEAST_OF_TWO * room, total + overlap_at_end - room)
        high = min(room, total - _LEAST_OF_TWO * room)
    fitting = [count for count, tokens in enumerate(filled, start=1) if tokens <= room and count < len(ahead)]
    good = [count for count in fitting if low <= filled[count - 1] <= high and not ahead[count - 1].heading]
    return max(good, key=lambda count: _merit(ahead[count])) if good else max(fitting, default=1)


def _merit(following: Unit) -> tuple[int, int]:
    """How good it is to begin a chunk with `following`; the words break a tie, wherever they stand."""
    anchor = " ".join(words(following.text[:_ANCHOR]))
    return following.strength, zlib.crc32(anchor.encode())


def _tail(fresh: list[Unit], overlap: int, meter: TokenMeter) -> list[Unit]:
    """The last sentences or lines of a chunk, with which the next one begins."""
    tail: list[Unit] = []
    left = overlap
    for unit in reversed(fresh):
        if unit.heading:
            break
        for part in reversed(list(pieces_of(unit, max(1, overlap), meter))):
            if part.tokens > left:
                return tail
            tail.insert(0, part)
            left -= part.tokens
    return tail


def _piece(lead: list[Unit], fresh: list[Unit]) -> Piece:
    held = [*lead, *fresh]
    named = next((unit for unit in fresh if not unit.heading), fresh[-1])
    return Piece(
        text=_joined(held),
        start=held[0].start,
        end=held[-1].end,
        path=named.path,
        tokens=sum(unit.tokens for unit in held),
        line=fresh[0].line,
        author=fresh[0].author,
    )


def _joined(held: list[Unit]) -> str:
    """The normalised text between the units is what stood before each of them."""
    return held[0].text + "".join(unit.gap + unit.text for unit in held[1:])
