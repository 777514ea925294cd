"""Takes the header and the licence of Project Gutenberg off a book and keeps its title."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from tasks.persona_ingestion.reading.items import About, Block, Item

_NAME = re.compile(r"project\s+gutenberg", re.IGNORECASE)
_START = re.compile(
    r"""
    ^[ \t]*\*{3}[ \t]*START\s+OF\s+(?:THE|THIS)\s+PROJECT\s+GUTENBERG
        (?: .*?(?:\n.+?){0,3}?\*{3}.* | .* )   # a long title goes on in the lines below
  | ^[ \t]*\*END[^\w\n]{0,80}THE\s+SMALL\s+PRINT.*
    """,
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_END = re.compile(r"^[^\w\n]{0,80}END\s+OF\s+(?:(?:THE|THIS)\s+)?PROJECT\s+GUTENBERG", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^[ \t]*(Title|Language):[ \t]*(.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_CREDITS = re.compile(r"^\W*(?:e-?text\s+prepared|(?:this\s+e-?(?:text|book)\s+was\s+)?produced)\s+by\b", re.IGNORECASE)
_LANGUAGES = {"english": "en", "romanian": "ro", "french": "fr", "german": "de", "italian": "it", "spanish": "es"}
_NAMED_WITHIN = 8_000  # characters from the start
_STARTS_WITHIN = 40_000  # the old "small print" is 12,000 long
_CREDITS_WITHIN = 3  # blocks after the start
_HEADER_BLOCKS = 20  # before the start of a later book


def strip_gutenberg(items: Iterable[Item]) -> Iterator[Item]:
    """The same items without headers and licences, also where a file holds several books, one after the other.

    Holds back at most the length of a header.
    """
    stream = iter(items)
    held, cut = _first_header(stream)
    if cut is None:
        stream = chain(held, stream)
        yield from _until_licence(stream, 0)
    else:
        yield from _opened(held, cut)
        yield from _until_licence(stream, _CREDITS_WITHIN)
    yield from _further_books(stream)


def _first_header(stream: Iterator[Item]) -> tuple[list[Item], int | None]:
    """What was read, and where in its last block the book begins; None where no header is in sight."""
    held: list[Item] = []
    length, named = 0, False
    for item in stream:
        held.append(item)
        if not isinstance(item, Block):
            continue
        length += len(item.text)
        named = named or _NAME.search(item.text) is not None
        if start := _START.search(item.text):
            return held, start.end()
        if length > (_STARTS_WITHIN if named else _NAMED_WITHIN):
            break
    return held, None


def _further_books(stream: Iterator[Item]) -> Iterator[Item]:
    """The books after the first licence; its text and the headers are passed over."""
    header: deque[Item] = deque(maxlen=_HEADER_BLOCKS)
    for item in stream:
        if not isinstance(item, Block):
            continue
        header.append(item)
        if start := _START.search(item.text):
            yield from _next_book(list(header), start.end())
            header.clear()
            yield from _until_licence(stream, _CREDITS_WITHIN)


def _next_book(header: list[Item], cut: int) -> Iterator[Item]:
    """The title of the file is that of its first book; a later one's becomes a heading, so that its parts bear it."""
    for item in _opened(header, cut):
        if not isinstance(item, About):
            yield item
        elif item.title:
            yield Block(item.title, heading=1)


def _opened(held: list[Item], cut: int) -> Iterator[Item]:
    """What the header says of the book, and the rest of the block that holds the starting line."""
    header = "\n".join(item.text for item in held if isinstance(item, Block))
    fields = {name: " ".join(value.split()) for name, value in _FIELD.findall(header)}
    yield from (item for item in held if not isinstance(item, Block))
    if fields:
        yield About(title=fields.get("Title"), language=_LANGUAGES.get(fields.get("Language", "").lower()))
    last = held[-1]
    if isinstance(last, Block) and (rest := last.text[cut:].strip("\n")).strip():
        yield last._replace(text=rest, heading=0)


def _until_licence(items: Iterable[Item], credits_within: int) -> Iterator[Item]:
    for item in items:
        if not isinstance(item, Block):
            yield item
            continue
        credits_within -= 1
        if credits_within >= 0 and _CREDITS.match(item.text):
            continue
        if end := _END.search(item.text):
            if (before := item.text[: end.start()].rstrip("\n* ")).strip():
                yield item._replace(text=before)
            return
        yield item
