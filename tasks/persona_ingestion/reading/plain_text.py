"""Reads .txt: paragraphs, stanzas and the headings between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tasks.persona_ingestion.reading.gutenberg import strip_gutenberg
from tasks.persona_ingestion.reading.headings import find_headings, who_speaks
from tasks.persona_ingestion.reading.items import About, Block, Item
from tasks.persona_ingestion.reading.paragraphs import paragraphs
from tasks.persona_ingestion.reading.text_encoding import detect_encoding
from tasks.persona_ingestion.reading.text_lines import read_lines

_ITALICS = re.compile(r"(?<!\w)_(?=\S)([^_]{1,400})(?<=\S)_(?!\w)")


def read_plain_text(file: BinaryIO) -> Iterator[Item]:
    """Blocks in order. Project Gutenberg's header and licence are left away, and `_italics_` lose their marks."""
    encoding = detect_encoding(file)
    yield About(encoding=encoding)
    text = _without_italics(strip_gutenberg(paragraphs(read_lines(file, encoding))))
    yield from find_headings(text, lambda: _speakers(file, encoding))


def _speakers(file: BinaryIO, encoding: str) -> frozenset[str]:
    """Of the whole file, whose reading goes on where it was."""
    place = file.tell()
    file.seek(0)
    try:
        return who_speaks(paragraphs(read_lines(file, encoding)))
    finally:
        file.seek(place)


def _without_italics(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Block) and "_" in item.text:
            yield item._replace(text=_ITALICS.sub(r"\1", item.text))
        else:
            yield item
