"""Reads .pdf page by page: headings from its bookmarks, words that a line's end cut put together."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, About, Block, Item, Trouble

_CUT_WORD = re.compile(r"(?<=[^\W\d_])(?:-|[ \t]?[\u2010\u00ad])\n(?=([^\W\d_]))")
"""A hyphen-minus after a blank may be a dash; U+2010 and U+00AD are hyphens wherever they stand, and browsers that
print to PDF put a blank before them."""
_BLANK = re.compile(r"\n[ \t]*\n")
_PAGE_NUMBER = re.compile(r"\W*\d{1,4}\W*")
_DAMAGED = (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
"""What the library raises on damaged files, besides its own errors."""

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every blemish that it mends


def read_pdf(file: BinaryIO) -> Iterator[Item]:
    """A page that cannot be read, or is a picture, is left out by its number; a paragraph may end with its page."""
    reader = _opened(file)
    yield About(title=_title(reader))
    bookmarks = _bookmarks(reader)
    any_text, pictures = False, list[int]()
    for number in range(_page_count(reader)):
        for level, title in bookmarks.get(number, []):
            yield Block(title, heading=level)
        try:
            text = reader.pages[number].extract_text()
        except _DAMAGED as error:
            yield Trouble(f"cannot be read ({type(error).__name__}: {error})", part=f"page {number + 1}")
            continue
        if not text.strip() and _has_picture(reader.pages[number]):
            pictures.append(number + 1)
        reader.resolved_objects.clear()  # it would keep every page of the file
        for block in page_blocks(text):
            any_text = True
            yield block
    if not any_text:
        yield Trouble("holds no text; its pages may be pictures (a scan)")
    elif pictures:
        yield Trouble("no text beside a picture; the text may be in the picture (a scan)", part=_pages(pictures))


def _has_picture(page: PageObject) -> bool:
    try:
        drawn = page["/Resources"]["/XObject"].get_object()  # pyright: ignore[reportIndexIssue]
        return any(drawn[name].get_object().get("/Subtype") == "/Image" for name in drawn)
    except _DAMAGED:
        return False


def _pages(numbers: Sequence[int]) -> str:
    """`page 3`, or `pages 3, 7–9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
    return f"{'page' if len(numbers) == 1 else 'pages'} {told}"


def page_blocks(text: str) -> Iterator[Block]:
    """Paragraphs of one page, its number left away."""
    lines = text.strip().split("\n")
    lines = lines[1:] if _PAGE_NUMBER.fullmatch(lines[0]) else lines
    lines = lines[:-1] if lines and _PAGE_NUMBER.fullmatch(lines[-1]) else lines
    for paragraph in _BLANK.split(_CUT_WORD.sub(_joint, "\n".join(lines))):
        for begin in range(0, len(paragraph), LONGEST_BLOCK):
            if (piece := paragraph[begin : begin + LONGEST_BLOCK]).strip():
                yield Block(piece)


def _joint(cut: re.Match[str]) -> str:
    """What is cut off a word goes on in small letters; in a compound name (`Anglo-Saxon`) the hyphen stays."""
    return "" if cut[1].islower() else cut[0]


def _opened(file: BinaryIO) -> PdfReader:
    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInputError("is locked with a password; save it without one")
    except InvalidInputError:
        raise
    except (*_DAMAGED, ImportError) as error:
        raise InvalidInputError(f"cannot be opened, it is damaged or protected ({error})") from error
    return reader


def _page_count(reader: PdfReader) -> int:
    try:
        return len(reader.pages)
    except _DAMAGED as error:
        raise InvalidInputError(f"its list of pages is damaged ({error})") from error


def _title(reader: PdfReader) -> str | None:
    try:
        title = reader.metadata.title if reader.metadata else None
    except _DAMAGED:
        return None
    return title.strip() or None if title else None


def _bookmarks(reader: PdfReader) -> dict[int, list[tuple[int, str]]]:
    """`{page: [(level, title)]}`; empty when there are none or they are damaged."""
    found: dict[int, list[tuple[int, str]]] = {}
    try:
        for level, mark in _outline(reader.outline, 2):
            page = reader.get_destination_page_number(mark)
            if page is not None and (title := str(mark.title or "").strip()):
                found.setdefault(page, []).append((level, title))
    except _DAMAGED:
        return {}
    return found


def _outline(marks: list[Any], level: int) -> Iterator[tuple[int, Any]]:
    """Nested lists hold the marks below the one before them."""
    for mark in marks:
        if isinstance(mark, list):
            yield from _outline(mark, min(level + 1, 6))
        else:
            yield level, mark
