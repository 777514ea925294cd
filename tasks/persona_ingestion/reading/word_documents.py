"""Reads .docx: paragraphs in order, headings by their styles, streamed out of the archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from lxml.etree import XMLSyntaxError, iterparse

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.archives import Archive, Element, elements, open_archive, table, unpacked
from tasks.persona_ingestion.reading.items import About, Block, Item, Trouble, bounded_text

_DOCUMENT, _STYLES, _PROPERTIES = "word/document.xml", "word/styles.xml", "docProps/core.xml"
_NOTES = {"word/footnotes.xml": "footnotes", "word/endnotes.xml": "endnotes"}
_WORD = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",  # saved as "Strict Open XML"
)


def _named(local: str) -> tuple[str, ...]:
    return tuple(space + local for space in _WORD)


_WRITTEN = {
    name: written
    for local, written in {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}.items()
    for name in _named(local)
}
_HEADING = re.compile(r"heading ([1-6])", re.IGNORECASE)
_PARAGRAPH, _TEXT, _STYLE, _NAME = _named("p"), _named("t"), _named("pStyle"), _named("name")
_ELSEWHERE = (
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    *_named("moveFrom"),
    *_named("rt"),
)
"""Text inside these stands in the document a second time, or tells how other text is pronounced (`ruby`)."""


def read_word_document(file: BinaryIO) -> Iterator[Item]:
    """The text, then its footnotes and endnotes. Deleted text, the place that text was moved from, comments, headers
    and footers are not read."""
    with open_archive(file) as archive:
        levels = _heading_levels(archive)
        yield About(title=_title(archive))
        with unpacked(archive, _DOCUMENT) as part:
            yield from _paragraphs(part, levels)
        for name in _NOTES:
            if name in archive.namelist():
                yield from _notes(archive, name)


def _notes(archive: Archive, name: str) -> Iterator[Item]:
    try:
        with unpacked(archive, name) as part:
            for item in _paragraphs(part, {}):
                yield replace(item, part=f"{_NOTES[name]}, {item.part}") if isinstance(item, Trouble) else item
    except InvalidInputError as error:
        yield Trouble(str(error), part=_NOTES[name])


def _paragraphs(part: BinaryIO, levels: dict[str, int]) -> Iterator[Item]:
    number = 0
    try:
        stream = iterparse(part, events=("end",), tag=_PARAGRAPH, resolve_entities=False, no_network=True)
        for _, paragraph in stream:
            number += 1
            style = next(paragraph.iter(*_STYLE), None)
            heading = levels.get(_attribute(style, "val"), 0) if style is not None else 0
            if _stands_here(paragraph):
                for text in bounded_text(_texts(paragraph), ""):
                    if text.strip():
                        yield Block(text, heading=heading)
            _forget(paragraph)
    except (XMLSyntaxError, InvalidInputError) as error:
        if not number:
            raise InvalidInputError(f"its text is damaged ({error})") from error
        yield Trouble(f"the text is damaged from here on ({error})", part=f"paragraph {number + 1}")


def _texts(paragraph: Element) -> Iterator[str]:
    for element in paragraph.iter(*_TEXT, *_WRITTEN):
        if _stands_here(element):
            yield _WRITTEN.get(element.tag) or element.text or ""


def _stands_here(element: Element) -> bool:
    return next(element.iterancestors(*_ELSEWHERE), None) is None


def _attribute(element: Element, local: str) -> str:
    return next((element.get(name) for name in _named(local) if name in element.attrib), "")


def _forget(paragraph: Element) -> None:
    """The parser keeps what it has read unless it is taken out of the tree."""
    paragraph.clear()
    parent = paragraph.getparent()
    while parent is not None and paragraph.getprevious() is not None:
        del parent[0]


def _heading_levels(archive: Archive) -> dict[str, int]:
    """Level by style id; ids are in the writer's language, names are not."""
    levels = {"Title": 1, **{f"Heading{level}": level for level in range(1, 7)}}
    if _STYLES not in archive.namelist():
        return levels
    for style in elements(table(archive, _STYLES), "style"):
        name = next((_attribute(element, "val") for element in style.iterchildren(*_NAME)), "")
        if match := _HEADING.fullmatch(name):
            levels[_attribute(style, "styleId")] = int(match[1])
        elif name.lower() == "title":
            levels[_attribute(style, "styleId")] = 1
    return levels


def _title(archive: Archive) -> str | None:
    if _PROPERTIES not in archive.namelist():
        return None
    return next(
        (element.text.strip() for element in elements(table(archive, _PROPERTIES), "title") if element.text), None
    )
