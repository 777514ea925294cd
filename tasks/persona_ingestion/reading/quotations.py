"""Reads .jsonl, .json and .csv: one quotation per line, entry or row; a bad one is named and left out."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Generator, Iterator
from itertools import pairwise
from typing import BinaryIO

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import About, Block, Item, Trouble
from tasks.persona_ingestion.reading.json_entries import LONGEST_ENTRY, BadEntry, json_entries
from tasks.persona_ingestion.reading.quotation_entries import TEXT_NAMES, either, quotation, quotations
from tasks.persona_ingestion.reading.text_encoding import detect_encoding
from tasks.persona_ingestion.reading.text_lines import Line, read_lines

_DELIMITERS = ",;\t|"
_IN_NO_TEXT = "\x1f"
_IN_MARKS = re.compile(r'"[^"]*+(?:""[^"]*+)*+" *')
_TOLD_DELIMITER = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
"""The line before the heading that Excel writes and reads."""


def read_json_lines(file: BinaryIO) -> Iterator[Item]:
    """An object or a string per line; blank lines are passed over."""
    encoding = detect_encoding(file)
    yield About(encoding=encoding)
    for line in _whole_lines(read_lines(file, encoding)):
        if isinstance(line, Trouble):
            yield line
        elif line.text.strip():
            yield from _parsed(line)


def _whole_lines(lines: Iterator[Line | Trouble]) -> Iterator[Line | Trouble]:
    """Lines put together from their pieces. One that is too long, or holds what cannot be decoded, is named once."""
    held: list[Line] = []
    refused = 0  # the line that was named already
    for line in lines:
        if isinstance(line, Trouble):
            if line.line != refused:
                yield line
            held, refused = [], line.line or 0
        elif line.number != refused:
            held.append(line)
            if sum(len(piece.text) for piece in held) > LONGEST_ENTRY:
                yield Trouble(f"is longer than {LONGEST_ENTRY} characters", line=line.number)
                held, refused = [], line.number
            elif line.ends:
                yield line._replace(text="".join(piece.text for piece in held))
                held = []
    if held:  # the file ends without a line's end
        yield held[0]._replace(text="".join(piece.text for piece in held))


def read_json_array(file: BinaryIO) -> Iterator[Item]:
    """A list of objects or strings, an object that holds lists, or objects one after the other; one at a time."""
    encoding = detect_encoding(file)
    yield About(encoding=encoding)

    def read_anew() -> Generator[Line | Trouble]:
        file.seek(0)
        yield from read_lines(file, encoding)

    for number, entry in enumerate(json_entries(read_anew, TEXT_NAMES), start=1):
        if isinstance(entry, Trouble):
            yield entry
        elif isinstance(entry, BadEntry):
            yield Trouble(entry.reason, line=entry.line, part=f"entry {number}")
        else:
            yield from quotations(entry.value, line=entry.line, part=f"entry {number}", author=entry.under)


def read_csv(file: BinaryIO) -> Iterator[Item]:
    """Rows under a heading row that names the column of the text. `sep=;` may stand before it."""
    encoding = detect_encoding(file)
    yield About(encoding=encoding)
    feed = _CsvLines(read_lines(file, encoding))
    names, delimiter = _heading(feed)
    if not set(names) & set(TEXT_NAMES):
        raise InvalidInputError(f"its first row names no column {either(TEXT_NAMES)}")
    rows = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.begin_row()
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield from feed.take_troubles()
            yield Trouble(f"is not a CSV row ({error})", line=feed.row)
            feed.go_back()
            continue
        yield from feed.take_troubles()
        if row is None:
            return
        if feed.ran_out or _swallows_rows(feed.text, delimiter, len(names)):
            yield Trouble("opens a quotation mark that is never closed", line=feed.row)
            feed.go_back()
        elif any(cell.strip() for cell in row):
            yield _of_row(names, row, feed.row)


def _heading(feed: _CsvLines) -> tuple[list[str], str]:
    """The names of the columns, and what parts them."""
    heading = next(feed, "")
    told = _TOLD_DELIMITER.fullmatch(heading.rstrip("\n"))
    heading = next(feed, "") if told else heading
    delimiter = told[1] if told else _delimiter(heading)
    return [name.strip().lower() for name in next(csv.reader([heading], delimiter=delimiter), [])], delimiter


def _swallows_rows(text: str, delimiter: str, columns: int) -> bool:
    """Whether the row opens a mark too many, and what closed it is a mark of a later row.

    A mark that closes a cell has the delimiter or the line's end after it; inside a row of one line it does no harm.
    One that has not is another cell's when it stands where a cell begins, or when the row was whole on its first line.
    A stray mark that closes well is told by lines that are whole rows, each by itself.
    """
    first, _, others = text.partition("\n")
    if not others or '"' not in others:
        return False
    if all(_is_whole_row(line, delimiter, columns) for line in text.rstrip("\n").split("\n")):
        return True
    wrong = _wrong_mark(text, delimiter)
    if wrong is None or wrong <= len(first):
        return False
    before = text[:wrong].rstrip('"').rstrip(" ")
    return before.endswith(("\n", delimiter)) or sum(bool(cell.strip()) for cell in first.split(delimiter)) == columns


def _is_whole_row(line: str, delimiter: str, columns: int) -> bool:
    """Whether the line has as many cells as the heading. In a sentence a blank follows the sign that parts them here,
    or it stands in a number."""
    cells = line.split(delimiter)
    return len(cells) == columns > 1 and all(_parts_cells(*joint) for joint in pairwise(cells))


def _parts_cells(before: str, after: str) -> bool:
    in_number = before[-1:].isdigit() and after[:1].isdigit()
    return bool(after) and not after[0].isspace() and not in_number


def _wrong_mark(text: str, delimiter: str) -> int | None:
    """Where the first cell in marks ends with neither the delimiter nor the line's end after it."""
    at = 0
    while at < len(text):
        if cell := _IN_MARKS.match(text, at):
            at = cell.end()
            if at < len(text) and text[at] not in (delimiter, "\n"):
                return text.rindex('"', 0, at)
        while at < len(text) and text[at] not in (delimiter, "\n"):
            at += 1
        at += 1
    return None


def _of_row(names: list[str], row: list[str], line: int | None) -> Block | Trouble:
    """Cells beyond the heading are what a delimiter in an unquoted text has cut off: half a quotation is none."""
    if any(cell.strip() for cell in row[len(names) :]):
        return Trouble("has more cells than the heading; put a text that holds the delimiter in quotation marks", line)
    return quotation(dict(zip(names, row, strict=False)), line=line)


def _parsed(line: Line) -> Iterator[Block | Trouble]:
    try:
        entry = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        yield Trouble(f"is not JSON ({error})", line=line.number)
    else:
        yield from quotations(entry, line=line.number)


def _delimiter(heading: str) -> str:
    """A table of one column has none: its commas are those of the texts."""
    found = max(_DELIMITERS, key=heading.count)
    return found if found in heading else _IN_NO_TEXT


def _as_read(line: Line) -> str:
    return line.text + "\n" if line.ends else line.text


class _CsvLines:
    """Feeds lines to the CSV reader, keeps count of them and sets aside those that cannot be decoded.

    The lines of the present row are kept, at most as much as the reader takes for a field: what a mark that is never
    closed has swallowed is fed again.
    """

    def __init__(self, lines: Iterator[Line | Trouble]) -> None:
        self._lines = lines
        self._again: list[Line] = []  # the next one last
        self._row: list[Line] = []
        self._troubles: list[Trouble] = []
        self.ran_out = False
        """The present row wanted a line more than there are: it is inside a quotation mark."""

    @property
    def row(self) -> int | None:
        """The line on which the present row begins."""
        return self._row[0].number if self._row else None

    @property
    def text(self) -> str:
        """The lines of the present row."""
        return "".join(map(_as_read, self._row))

    def begin_row(self) -> None:
        self._row, self.ran_out = [], False

    def go_back(self) -> None:
        """To the line after the one on which the present row, a bad one, begins."""
        first = self.row
        self._again += reversed([line for line in self._row if line.number != first])
        while not self._again and self._row and not self._row[-1].ends and next(self, None) is not None:
            del self._row[:-1]  # what is left of an endless line is no row, and not kept

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._next_line()
        if line is None:
            self.ran_out = bool(self._row)
            raise StopIteration
        self._row.append(line)
        return _as_read(line)

    def _next_line(self) -> Line | None:
        for line in self._lines:
            if isinstance(line, Line):
                return line
            self._troubles.append(line)
        return None

    def take_troubles(self) -> list[Trouble]:
        troubles, self._troubles = self._troubles, []
        return troubles
