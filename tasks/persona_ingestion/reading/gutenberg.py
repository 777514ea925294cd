"""Takes the header and the licence of Project Gutenberg off a book and keeps its title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tasks.persona_ingestion.reading.items import About, Block, Item

_NAME = re.compile(r"project\s+gutenberg", re.IGNORECASE)
_START = re.compile(
    r"^\s*\*{3}\s*START\s+OF\s+(?:THE|THIS)\s+PROJECT\s+GUTENBERG.*|^\s*\*END\W*THE\s+SMALL\s+PRINT.*", re.I | re.M
)
_END = re.compile(r"^\W*END\s+OF\s+(?:(?:THE|THIS)\s+)?PROJECT\s+GUTENBERG", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^\s*(Title|Language):\s*(.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_CREDITS = re.compile(r"^\W*(?:e-?text\s+prepared|(?:this\s+e-?(?:text|book)\s+was\s+)?produced)\s+by\b", re.IGNORECASE)
_LANGUAGES = {"english": "en", "romanian": "ro", "french": "fr", "german": "de", "italian": "it", "spanish": "es"}
_NAMED_WITHIN = 8_000  # characters from the start
_STARTS_WITHIN = 40_000  # the old "small print" is 12,000 long
_CREDITS_WITHIN = 3  # blocks after the start


def strip_gutenberg(items: Iterable[Item]) -> Iterator[Item]:
    """The same items without header and licence. Holds back at most the length of a header."""
    held: list[Item] = []
    length = 0
    stream = iter(items)
    for item in stream:
        held.append(item)
        if not isinstance(item, Block):
            continue
        length += len(item.text)
        if start := _START.search(item.text):
            yield from _opened(held, start.end())
            yield from _until_licence(stream, _CREDITS_WITHIN)
            return
        if not _may_yet_start(held, length):
            break
    yield from _until_licence(held, 0)
    yield from _until_licence(stream, 0)


def _may_yet_start(held: list[Item], length: int) -> bool:
    if length <= _NAMED_WITHIN:
        return True
    return length <= _STARTS_WITHIN and any(isinstance(item, Block) and _NAME.search(item.text) for item in held)


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
