"""Reads .epub: the chapters of the book's spine, in order, each streamed out of the archive."""

from __future__ import annotations

import codecs
import re
from collections.abc import Container, Iterator
from io import BufferedReader
from typing import BinaryIO
from urllib.parse import unquote

from lxml.etree import LxmlError

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.archives import Archive, Element, beside, elements, open_archive, table, unpacked
from tasks.persona_ingestion.reading.character_data import escaped_sections
from tasks.persona_ingestion.reading.epub_navigation import Label, named, names_the_file, read_labels
from tasks.persona_ingestion.reading.gutenberg import strip_gutenberg
from tasks.persona_ingestion.reading.items import About, Item, Trouble
from tasks.persona_ingestion.reading.markup import markup_blocks
from tasks.persona_ingestion.reading.web_pages import mended, pieces

_CONTAINER = "META-INF/container.xml"
_HEAD = 256  # bytes
_BEGINNING = 16_384  # bytes in which the first words of a chapter stand
_ENCRYPTION = "META-INF/encryption.xml"
_DECLARED = re.compile(rb"<\?xml[^>]{0,80}encoding\s*=\s*[\"']([A-Za-z0-9_-]{2,40})")


def read_epub(file: BinaryIO) -> Iterator[Item]:
    """The book's title and language, then its text. A chapter that is missing or damaged is left out by name."""
    with open_archive(file) as archive:
        package_name = _package_name(archive)
        package = table(archive, package_name)
        chapters = _chapters(package, package_name, frozenset(archive.namelist()))
        if _protected(archive) & set(chapters):
            raise InvalidInputError("is protected by its shop (DRM); only an unprotected book can be read")
        yield About(title=_said(package, "title"), language=(_said(package, "language") or "")[:2].lower() or None)
        yield from strip_gutenberg(_read_chapters(archive, chapters, read_labels(archive, package, package_name)))


def _package_name(archive: Archive) -> str:
    for rootfile in elements(table(archive, _CONTAINER), "rootfile"):
        if path := rootfile.get("full-path"):
            return beside("", path)
    raise InvalidInputError("does not name its package file; it is not an EPUB")


def _chapters(package: Element, package_name: str, held: Container[str]) -> list[str]:
    parts = {
        item.get("id"): _part(package_name, item.get("href", ""), held)
        for item in elements(package, "item")
        if "nav" not in item.get("properties", "").split()
    }
    chapters = [parts[ref] for itemref in elements(package, "itemref") if (ref := itemref.get("idref")) in parts]
    if not chapters:
        raise InvalidInputError("lists no chapters")
    return list(dict.fromkeys(chapters))


def _part(package_name: str, reference: str, held: Container[str]) -> str:
    """The part without the place in it that some makers of books write behind a `#`."""
    exactly = beside(package_name, unquote(reference))
    return exactly if exactly in held else beside(package_name, unquote(reference.partition("#")[0]))


def _protected(archive: Archive) -> set[str]:
    """Parts that are encrypted; fonts often are, in books that can be read."""
    if _ENCRYPTION not in archive.namelist():
        return set()
    listed = elements(table(archive, _ENCRYPTION), "CipherReference")
    return {beside("", unquote(reference.get("URI", ""))) for reference in listed}


def _said(package: Element, name: str) -> str | None:
    texts = (" ".join((element.text or "").split()) for element in elements(package, name))
    return next((text for text in texts if text), None)


def _read_chapters(archive: Archive, chapters: list[str], labels: dict[str, Label]) -> Iterator[Item]:
    levels: dict[int, int] = {}
    for name in chapters:
        try:
            with unpacked(archive, name) as part:
                head = part.peek(_BEGINNING)[:_BEGINNING]
                encoding = _encoding(head)
                label = labels.get(name)
                if label and not names_the_file(label, head.decode(encoding, errors="ignore")):
                    label = None
                items = (item for item in _read_chapter(part, encoding) if not isinstance(item, About))
                yield from named(items, label, levels)
        except (InvalidInputError, LxmlError) as error:
            yield Trouble(str(error), part=name)


def _read_chapter(part: BufferedReader, encoding: str) -> Iterator[Item]:
    """A chapter's own title repeats its heading or the book's, so it is not asked."""
    return mended(markup_blocks(escaped_sections(pieces(part, encoding))), encoding)


def _encoding(head: bytes) -> str:
    """XML is UTF-8 unless it says otherwise, and says so in words that are known."""
    head = head[:_HEAD]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    declared = _DECLARED.search(head)
    try:
        return codecs.lookup(declared[1].decode("ascii")).name if declared else "utf-8"
    except LookupError:
        return "utf-8"
