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
from tasks.persona_ingestion.reading.word_parts import word_parts

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
_USUAL_LEVELS = {"Title": 1, **{f"Heading{level}": level for level in range(1, 7)}}  # by style id
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
    and footers are not read. What is damaged beside the text is named, and the text is read without it."""
    with open_archive(file) as archive:
        parts = word_parts(archive)
        levels = dict(_USUAL_LEVELS)
        if parts.styles:
            try:
                levels |= _heading_levels(table(archive, parts.styles))
            except InvalidInputError as error:
                yield Trouble(str(error), part="headings")
        if parts.properties:
            try:
                yield About(title=_title(table(archive, parts.properties)))
            except InvalidInputError as error:
                yield Trouble(str(error), part="title")
        with unpacked(archive, parts.document) as part:
            yield from _paragraphs(part, levels)
        for name, told in ((parts.footnotes, "footnotes"), (parts.endnotes, "endnotes")):
            if name:
                yield from _notes(archive, name, told)


def _notes(archive: Archive, name: str, told: str) -> Iterator[Item]:
    try:
        with unpacked(archive, name) as part:
            for item in _paragraphs(part, {}):
                yield replace(item, part=f"{told}, {item.part}") if isinstance(item, Trouble) else item
    except InvalidInputError as error:
        yield Trouble(str(error), part=told)


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


def _heading_levels(styles: Element) -> dict[str, int]:
    """Level by style id; ids are in the writer's language, names are not."""
    levels: dict[str, int] = {}
    for style in elements(styles, "style"):
        name = next((_attribute(element, "val") for element in style.iterchildren(*_NAME)), "")
        if match := _HEADING.fullmatch(name):
            levels[_attribute(style, "styleId")] = int(match[1])
        elif name.lower() == "title":
            levels[_attribute(style, "styleId")] = 1
    return levels


def _title(properties: Element) -> str | None:
    return next((element.text.strip() for element in elements(properties, "title") if element.text), None)
