"""Reads the entries of JSON lists one at a time, with the line on which each begins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, cast

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import Trouble
from tasks.persona_ingestion.reading.person_names import LISTS_OF_QUOTATIONS, NO_PERSONS, person
from tasks.persona_ingestion.reading.quotation_entries import author_of, in_small_letters
from tasks.persona_ingestion.reading.text_lines import Line

LONGEST_ENTRY = 256_000  # characters
_LONGEST_LITERAL = len("false")
_LONGEST_JOINT = 200  # characters between two entries, when the next is looked for after a broken one
_BETWEEN = re.compile(r"[\s,]*")
_AFTER_OBJECT = re.compile(r"\n\s*(?=\{)|\}\s*,\s*(?=\{\s*\")")
_AFTER_OTHER = re.compile(r"\n|,\s*(?=[{\"\]])")

Lines = Generator[Line | Trouble]


@dataclass(frozen=True, slots=True)
class Entry:
    value: Any
    line: int
    under: str | None = None
    """The name of the list or object that holds it, where that names a person rather than a collection, else the author
    whom the object with the lists tells."""


@dataclass(frozen=True, slots=True)
class BadEntry:
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the entries stand: in lists, of these names where the file is an object; one after the other without any
    list; or as the members of an object, alone or beside such lists."""

    lists: frozenset[str] = frozenset()
    bare: bool = False
    members: bool = False
    author: str | None = None
    """Whose all are, as the object that holds the lists says. Where entries name persons themselves, it says who has
    collected them."""


class _NotJsonError(ValueError):
    """The text at the present place is no JSON value."""


class _Buffer:
    """The text that was read and not yet understood; at most two entries and a piece."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.text = ""
        self.at = 0  # what comes before was understood
        self.line = 1  # of the character at `at`
        self.troubles: list[Trouble] = []
        self.gave_up = False
        """Nothing could be read between a broken entry and the end."""

    def grow(self) -> bool:
        """By as much again as is held: an entry that is looked at anew with each growth costs time in its length."""
        parts = [self.text[self.at :]]
        grown = 0
        for line in self._lines:
            if isinstance(line, Trouble):
                self.troubles.append(line)
            parts.append(line.text + "\n" * line.ends if isinstance(line, Line) else "\n")  # lines stay counted
            grown += len(parts[-1])
            if grown > len(parts[0]):
                break
        self.text, self.at = "".join(parts), 0
        return grown > 0

    def skip(self, length: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + length)
        self.at += length

    def peek(self) -> str:
        """The sign with which the next entry begins; nothing at the end of the text."""
        while True:
            matched = _BETWEEN.match(self.text, self.at)
            self.skip(matched.end() - self.at if matched else 0)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def take_troubles(self) -> list[Trouble]:
        troubles, self.troubles = self.troubles, []
        return troubles


def json_entries(read_anew: Callable[[], Lines], text_names: Collection[str]) -> Iterator[Entry | BadEntry | Trouble]:
    """Entries of `[…]`, of the lists in `{"…": […]}`, the members of `{"…": {…}}`, or objects one after the other that
    name a text themselves.

    Of several lists those under a name that collections use are read, else all. After a broken entry the reading goes
    on at the next one. `InvalidInputError` when the file holds no list. The lines are read twice: only the end of an
    object shows which lists it has.
    """
    with closing(read_anew()) as lines:
        shape = _shape(_Buffer(lines), text_names)
    with closing(read_anew()) as lines:
        buffer = _Buffer(lines)
        if shape.bare:
            yield from _entries(buffer, until="")
        elif buffer.peek() == "[":
            buffer.skip(1)
            yield from _entries(buffer)
            yield from _ending(buffer, "]")
        else:
            yield from _of_members(buffer, shape, text_names)
        yield from buffer.take_troubles()


def _shape(buffer: _Buffer, text_names: Collection[str]) -> _Shape:
    first = buffer.peek()
    if first == "[":
        return _Shape()
    lists: list[str] = []
    is_entry = holds_entries = name_persons = False
    author: str | None = None
    with suppress(_NotJsonError):
        for name, sign in _members(buffer) if first == "{" else ():
            if sign == "[":
                lists.append(name)
                name_persons |= _names_persons(buffer)
            else:
                value = _decoded(buffer)
                author = author or author_of({name.lower(): value})
                is_entry |= isinstance(value, str) and name.lower() in text_names
                holds_entries |= bool(_held(value, text_names))
    author = None if name_persons else author
    if known := [name for name in lists if name.lower() in LISTS_OF_QUOTATIONS]:
        return _Shape(frozenset(known), author=author)
    if is_entry or (first == "{" and not lists and _another_follows(buffer)):
        return _Shape(bare=True)
    if not lists and not holds_entries:
        raise InvalidInputError("is not a list of quotations, nor an object that holds one")
    return _Shape(frozenset(lists), members=holds_entries, author=author)


def _held(value: Any, text_names: Collection[str]) -> list[Any]:
    """The quotations in a member of an object: itself, those of its lists, or its own members."""
    if not isinstance(value, dict):
        return []
    members = {str(name).lower(): held for name, held in cast("dict[Any, Any]", value).items()}
    lists = [held for name, held in members.items() if isinstance(held, list) and name in NO_PERSONS]
    if any(name in text_names and not isinstance(held, list) for name, held in members.items()):
        return [value]
    if lists:
        return [entry for held in lists for entry in cast("list[Any]", held)]
    return [held for held in members.values() if _names_a_text(held, text_names)]


def _names_a_text(value: Any, text_names: Collection[str]) -> bool:
    return isinstance(value, dict) and any(str(name).lower() in text_names for name in cast("dict[Any, Any]", value))


def _another_follows(buffer: _Buffer) -> bool:
    if buffer.peek() != "}":
        return False
    buffer.skip(1)
    return buffer.peek() == "{"


def _members(buffer: _Buffer) -> Iterator[tuple[str, str]]:
    """The names in an object, each with the first sign of its value, which the caller takes."""
    buffer.skip(1)
    while buffer.peek() == '"':
        name = _decoded(buffer)
        if buffer.peek() != ":":
            raise _NotJsonError("is not JSON (Expecting ':')")
        buffer.skip(1)
        yield name, buffer.peek()


def _of_members(buffer: _Buffer, shape: _Shape, text_names: Collection[str]) -> Iterator[Entry | BadEntry | Trouble]:
    try:
        for name, sign in _members(buffer):
            if sign == "{" and shape.members:
                line = buffer.line
                value = _decoded(buffer)
                for entry in _held(value, text_names) or ([] if shape.lists else [value]):
                    yield Entry(entry, line, person(name) or shape.author)
            elif sign != "[":
                _decoded(buffer)
            elif name not in shape.lists:
                _names_persons(buffer)
            else:
                buffer.skip(1)
                yield from _entries(buffer, under=person(name) or shape.author)
                _close_list(buffer)
    except _NotJsonError as error:
        yield Trouble(f"{error}, from here on", line=buffer.line)
    else:
        yield from _ending(buffer, "}")


def _names_persons(buffer: _Buffer) -> bool:
    """Whether an entry of the list says whose it is. The list is left behind."""
    buffer.skip(1)
    names = False
    for entry in _entries(buffer):
        value = entry.value if isinstance(entry, Entry) else None
        names = names or (
            isinstance(value, dict) and author_of(in_small_letters(cast("dict[Any, Any]", value))) is not None
        )
    _close_list(buffer)
    return names


def _close_list(buffer: _Buffer) -> None:
    if buffer.peek() == "]":
        buffer.skip(1)


def _entries(buffer: _Buffer, until: str = "]", under: str | None = None) -> Iterator[Entry | BadEntry | Trouble]:
    while (sign := buffer.peek()) and sign != until:
        yield _next_entry(buffer, under)
        yield from buffer.take_troubles()


def _ending(buffer: _Buffer, sign: str) -> Iterator[Trouble]:
    """What is wrong with the end of the file, when it should be `sign`."""
    found = buffer.peek()
    if not found and not buffer.gave_up:
        yield Trouble("ends in the middle", line=buffer.line)
    elif found and found != sign:
        yield Trouble("is not JSON from here on", line=buffer.line)
    elif found:
        buffer.skip(1)
        if buffer.peek():
            yield Trouble("goes on after the end of its list; that is not read", line=buffer.line)


def _next_entry(buffer: _Buffer, under: str | None) -> Entry | BadEntry:
    line = buffer.line
    try:
        return Entry(_decoded(buffer), line, under)
    except _NotJsonError as error:
        _resume(buffer)
        return BadEntry(str(error), line)


def _decoded(buffer: _Buffer) -> Any:
    """The value at the present place, which is left behind."""
    decoder = json.JSONDecoder()
    while True:
        try:
            value, end = decoder.raw_decode(buffer.text, buffer.at)
        except json.JSONDecodeError as error:
            if _may_go_on(error, buffer) and buffer.grow():
                continue
            raise _NotJsonError(f"is not JSON ({error.msg})") from error
        except ValueError as error:  # a number of thousands of digits
            raise _NotJsonError(f"cannot be read ({error})") from error
        except RecursionError as error:
            raise _NotJsonError("is nested too deeply") from error
        buffer.skip(end - buffer.at)
        return value


def _may_go_on(error: json.JSONDecodeError, buffer: _Buffer) -> bool:
    """The entry stops where the text that was read so far does."""
    stops = error.msg.startswith("Unterminated") or error.pos >= len(buffer.text.rstrip()) - _LONGEST_LITERAL
    return stops and len(buffer.text) - buffer.at <= LONGEST_ENTRY


def _resume(buffer: _Buffer) -> None:
    """Go to where the next entry seems to begin. The lines of an object hold texts that are no entries."""
    begins = _AFTER_OBJECT if buffer.text.startswith("{", buffer.at) else _AFTER_OTHER
    buffer.skip(1)
    while True:
        if following := begins.search(buffer.text, buffer.at):
            buffer.skip(following.end() - buffer.at)
            return
        buffer.skip(max(0, len(buffer.text) - _LONGEST_JOINT - buffer.at))
        if not buffer.grow():
            buffer.skip(len(buffer.text) - buffer.at)
            buffer.gave_up = True
            return
