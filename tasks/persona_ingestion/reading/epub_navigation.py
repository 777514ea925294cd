"""Reads what the navigation of an EPUB calls the files of its spine."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.archives import Archive, Element, beside, elements, table
from tasks.persona_ingestion.reading.items import Block, Item

_NCX = "application/x-dtbncx+xml"
_TYPE = "{http://www.idpf.org/2007/ops}type"
_OUTERMOST = 2  # level of a heading below the book's title
_DEEPEST = 6
_LONGEST_LABEL = 200  # characters
_BODY = re.compile(r"<body\b", re.IGNORECASE)
_UNSEEN = re.compile(r"<!--.*?-->|<[^<>]*>", re.DOTALL)


class Label(NamedTuple):
    """A file's name in the navigation."""

    text: str
    depth: int  # 0: outermost
    holds_others: bool  # the next entry is below it
    anchor: str = ""  # the id of an element in the file; it is the file's name where nothing stands before that element


def read_labels(archive: Archive, package: Element, package_name: str) -> dict[str, Label]:
    """By part, from the navigation document of EPUB 3, else from the `.ncx` of EPUB 2. Of the entries that point into a
    file the first one counts, where none names the whole file; one that is missing or damaged gives nothing."""
    items = list(elements(package, "item"))
    documents = [item for item in items if "nav" in item.get("properties", "").split()]
    tables = [item for item in items if item.get("media-type") == _NCX]
    for item in (*documents, *tables):
        name = beside(package_name, unquote(item.get("href", "")))
        try:
            entries = list((_ncx_entries if item in tables else _document_entries)(table(archive, name)))
        except InvalidInputError:
            continue
        if labels := _labels(name, entries):
            return labels
    return {}


def named(items: Iterable[Item], label: Label | None, levels: dict[int, int]) -> Iterator[Item]:
    """The chapter under its label, unless it begins with a heading of its own.

    `levels` is the level of headings by depth of the navigation; it learns from chapters with headings of their own, so
    that those without stand beside them.
    """
    if label is None:
        yield from items
        return
    heading = Block(label.text, heading=levels.get(label.depth, min(_OUTERMOST + label.depth, _DEEPEST)))
    begun = False
    for item in items:
        if isinstance(item, Block) and not begun:
            begun = True
            if item.heading:
                levels[label.depth] = item.heading
            else:
                yield heading
        yield item
    if not begun and label.holds_others:  # the page of a part, often a picture
        yield heading


def _labels(name: str, entries: list[tuple[int, str, str]]) -> dict[str, Label]:
    found: dict[str, Label] = {}
    within: dict[str, Label] = {}
    for number, (depth, text, reference) in enumerate(entries):
        label = " ".join(text.split())[:_LONGEST_LABEL]
        file, _, anchor = reference.partition("#")
        if label and file:
            below = number + 1 < len(entries) and entries[number + 1][0] > depth
            named = within if anchor else found
            named.setdefault(beside(name, unquote(file)), Label(label, depth, below, unquote(anchor)))
    return within | found


def names_the_file(label: Label, head: str) -> bool:
    """Whether the label is that of a whole file which begins with `head`, not that of a place further on in it."""
    if not label.anchor:
        return True
    body = _BODY.search(head)
    begins = body.start() if body else 0
    marked = re.compile(rf"<\w[^<>]*\s(?:id|name)\s*=\s*([\"']){re.escape(label.anchor)}\1").search(head, begins)
    return marked is not None and not html.unescape(_UNSEEN.sub("", head[begins : marked.start()])).strip()


def _ncx_entries(root: Element) -> Iterator[tuple[int, str, str]]:
    """(depth, text, reference) in the order of the navigation."""
    for point in elements(root, "navPoint"):
        depth = sum(1 for _ in point.iterancestors("{*}navPoint"))
        text = next(("".join(label.itertext()) for label in point.iterchildren("{*}navLabel")), "")
        reference = next((content.get("src", "") for content in point.iterchildren("{*}content")), "")
        yield depth, text, reference


def _document_entries(root: Element) -> Iterator[tuple[int, str, str]]:
    """The same from the list that is the table of contents; a document may hold others, as that of pages."""
    contents = (nav for nav in elements(root, "nav") if "toc" in nav.get(_TYPE, "").split())
    for nav in contents:
        for link in elements(nav, "a"):
            yield sum(1 for _ in link.iterancestors("{*}ol")) - 1, "".join(link.itertext()), link.get("href", "")
