"""What readers yield: blocks of text, what a file says about itself, and places that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

LONGEST_BLOCK = 16_000
"""Characters. A longer paragraph goes on in a second block, so that a reader's memory stays bounded."""


class Block(NamedTuple):
    """A heading, a paragraph, a stanza or a quotation, in the order of the file."""

    text: str
    line: int | None = None  # where it begins, from 1
    heading: int = 0  # 0: body; 1 (the work's title) to 6
    numbered: bool = False  # a heading that is only a number: it names a part and does not separate it
    alone: bool = False  # a quotation: shares a chunk with nothing
    author: str | None = None  # of a quotation
    blank_before: int = 1  # empty lines, where a file has lines


@dataclass(frozen=True, slots=True)
class About:
    """What a file says about itself as a whole."""

    title: str | None = None
    language: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place that is left out; reading goes on after it."""

    reason: str
    line: int | None = None
    part: str | None = None


Item = Block | About | Trouble
Reader = Callable[[BinaryIO], Iterator[Item]]
"""Raises `InvalidInputError` when the file as a whole cannot be read. Does not close what it is handed."""


def bounded_text(parts: Iterable[str], joint: str) -> Iterator[str]:
    """Join `parts`, starting a new text whenever the present one would pass `LONGEST_BLOCK`."""
    held: list[str] = []
    length = 0
    for part in parts:
        if held and length + len(part) > LONGEST_BLOCK:
            yield joint.join(held)
            held, length = [], 0
        held.append(part)
        length += len(part) + len(joint)
    if held:
        yield joint.join(held)
