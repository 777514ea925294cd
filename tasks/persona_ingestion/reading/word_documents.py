"""Reads .docx: paragraphs in order, headings by their styles, streamed out of the archive."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from lxml.etree import XMLSyntaxError, iterparse

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.archives import Element, elements, open_archive, table, unpacked
from tasks.persona_ingestion.reading.items import About, Block, Item, Trouble, bounded_text

_DOCUMENT, _STYLES, _PROPERTIES = "word/document.xml", "word/styles.xml", "docProps/core.xml"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_WRITTEN = {_WORD + "tab": " ", _WORD + "br": "\n", _WORD + "cr": "\n", _WORD + "noBreakHyphen": "-"}
_HEADING = re.compile(r"heading ([1-6])", re.IGNORECASE)
_PARAGRAPH, _TEXT, _STYLE = _WORD + "p", _WORD + "t", _WORD + "pStyle"


def read_word_document(file: BinaryIO) -> Iterator[Item]:
    """Deleted text, comments, notes, headers and footers are not read."""
    with open_archive(file) as archive:
        levels = _heading_levels(archive)
        yield About(title=_title(archive))
        with unpacked(archive, _DOCUMENT) as part:
            yield from _paragraphs(part, levels)


def _paragraphs(part: BinaryIO, levels: dict[str, int]) -> Iterator[Item]:
    number = 0
    try:
        stream = iterparse(part, events=("end",), tag=_PARAGRAPH, resolve_entities=False, no_network=True)
        for _, paragraph in stream:
            number += 1
            style = next(paragraph.iter(_STYLE), None)
            heading = levels.get(style.get(_WORD + "val", ""), 0) if style is not None else 0
            if next(paragraph.iterancestors(_FALLBACK), None) is None:
                for text in bounded_text(_texts(paragraph), ""):
                    if text.strip():
                        yield Block(text, heading=heading)
            _forget(paragraph)
    except (XMLSyntaxError, InvalidInputError) as error:
        if not number:
            raise InvalidInputError(f"its text is damaged ({error})") from error
        yield Trouble(f"the text is damaged from here on ({error})", part=f"paragraph {number + 1}")


def _texts(paragraph: Element) -> Iterator[str]:
    for element in paragraph.iter(_TEXT, *_WRITTEN):
        yield _WRITTEN.get(element.tag) or element.text or ""


def _forget(paragraph: Element) -> None:
    """The parser keeps what it has read unless it is taken out of the tree."""
    paragraph.clear()
    parent = paragraph.getparent()
    while parent is not None and paragraph.getprevious() is not None:
        del parent[0]


def _heading_levels(archive: zipfile.ZipFile) -> dict[str, int]:
    """Level by style id; ids are in the writer's language, names are not."""
    levels = {"Title": 1, **{f"Heading{level}": level for level in range(1, 7)}}
    if _STYLES not in archive.namelist():
        return levels
    for style in elements(table(archive, _STYLES), "style"):
        name = next((element.get(_WORD + "val", "") for element in style.iterchildren(_WORD + "name")), "")
        if match := _HEADING.fullmatch(name):
            levels[style.get(_WORD + "styleId", "")] = int(match[1])
        elif name.lower() == "title":
            levels[style.get(_WORD + "styleId", "")] = 1
    return levels


def _title(archive: zipfile.ZipFile) -> str | None:
    if _PROPERTIES not in archive.namelist():
        return None
    return next(
        (element.text.strip() for element in elements(table(archive, _PROPERTIES), "title") if element.text), None
    )
