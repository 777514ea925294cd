"""Reads the entries of a JSON list one at a time, with the line on which each begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import Trouble
from tasks.persona_ingestion.reading.text_lines import Line

_LONGEST_ENTRY = 256_000  # characters
_LONGEST_LITERAL = len("false")
_BETWEEN = re.compile(r"[\s,]*")
_WRAPPER = re.compile(
    r"\s*\{\s*(?:\"[^\"\\]*\"\s*:\s*(?:\"[^\"\\]*\"|[-\d.]+|true|false|null)\s*,\s*)*\"[^\"\\]*\"\s*:\s*\["
)


@dataclass(frozen=True, slots=True)
class Entry:
    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class BadEntry:
    reason: str
    line: int


class _Buffer:
    """The text that was read and not yet understood; at most one entry and a piece."""

    def __init__(self, lines: Iterator[Line | Trouble]) -> None:
        self._lines = lines
        self.text = ""
        self.line = 1  # of the text's first character
        self.troubles: list[Trouble] = []

    def grow(self) -> bool:
        for line in self._lines:
            if isinstance(line, Line):
                self.text += line.text + "\n" * line.ends
                return True
            self.text += "\n"  # keeps the count of lines right
            self.troubles.append(line)
        return False

    def drop(self, length: int) -> None:
        self.line += self.text.count("\n", 0, length)
        self.text = self.text[length:]

    def skip_between(self) -> bool:
        """Go to the next entry; False at the end of the text."""
        while True:
            matched = _BETWEEN.match(self.text)
            self.drop(matched.end() if matched else 0)
            if self.text:
                return True
            if not self.grow():
                return False


def json_entries(lines: Iterator[Line | Trouble]) -> Iterator[Entry | BadEntry | Trouble]:
    """Entries of `[…]`, or of the first list in `{"…": […]}`.

    After a broken entry the reading goes on at the next line that begins an object. `InvalidInputError` when the
    file holds no list.
    """
    buffer = _Buffer(lines)
    _open_list(buffer)
    while buffer.skip_between() and not buffer.text.startswith("]"):
        yield _next_entry(buffer)
        yield from buffer.troubles
        buffer.troubles.clear()
    yield from buffer.troubles


def _open_list(buffer: _Buffer) -> None:
    while True:
        found = re.match(r"\s*\[", buffer.text) or _WRAPPER.match(buffer.text)
        if found:
            buffer.drop(found.end())
            return
        if len(buffer.text) > _LONGEST_ENTRY or not buffer.grow():
            raise InvalidInputError("is not a list of quotations, nor an object that holds one")


def _next_entry(buffer: _Buffer) -> Entry | BadEntry:
    decoder = json.JSONDecoder()
    line = buffer.line
    while True:
        try:
            value, length = decoder.raw_decode(buffer.text)
        except json.JSONDecodeError as error:
            if _may_go_on(error, buffer.text) and buffer.grow():
                continue
            reason = f"is not JSON ({error.msg})"
        except RecursionError:
            reason = "is nested too deeply"
        else:
            buffer.drop(length)
            return Entry(value, line)
        _resume(buffer)
        return BadEntry(reason, line)


def _may_go_on(error: json.JSONDecodeError, text: str) -> bool:
    """The entry stops where the text that was read so far does."""
    stops = error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip()) - _LONGEST_LITERAL
    return stops and len(text) <= _LONGEST_ENTRY


def _resume(buffer: _Buffer) -> None:
    following = re.compile(r"\n\s*(?=\{)").search(buffer.text, 1)
    buffer.drop(following.end() if following else len(buffer.text))
