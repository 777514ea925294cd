"""Finds the parts of a .docx by what its relationships say of them; their names are the writer's choice."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.archives import Archive, beside, elements, table

_PACKAGE = ""  # whose relationships name the document and its properties
_USUAL_DOCUMENT, _USUAL_PROPERTIES = "word/document.xml", "docProps/core.xml"


class WordParts(NamedTuple):
    """Names in the archive; None for a part that the document has not."""

    document: str
    properties: str | None
    styles: str | None
    footnotes: str | None
    endnotes: str | None


def word_parts(archive: Archive) -> WordParts:
    """What the relationships say (ECMA-376, part 2, 9.3), else the names that Word gives.

    The document's name may be that of a part that is missing: opening it says so.
    """
    of_package = _related(archive, _PACKAGE)
    document = _there(archive, of_package.get("officeDocument"), _USUAL_DOCUMENT) or _USUAL_DOCUMENT
    of_document = _related(archive, document)

    def further(kind: str) -> str | None:
        return _there(archive, of_document.get(kind), beside(document, f"{kind}.xml"))

    return WordParts(
        document=document,
        properties=_there(archive, of_package.get("core-properties"), _USUAL_PROPERTIES),
        styles=further("styles"),
        footnotes=further("footnotes"),
        endnotes=further("endnotes"),
    )


def _related(archive: Archive, source: str) -> dict[str, str]:
    """The first part of each kind, by the last word of its relationship's type. Without a list, or with a damaged one,
    there are none."""
    folder, name = posixpath.split(source)
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    try:
        relationships = list(elements(table(archive, listed), "Relationship"))
    except InvalidInputError:
        return {}
    found: dict[str, str] = {}
    for one in relationships:
        if one.get("TargetMode") != "External":
            found.setdefault(posixpath.basename(one.get("Type", "")), beside(source, one.get("Target", "")))
    return found


def _there(archive: Archive, *names: str | None) -> str | None:
    held = set(archive.namelist())
    return next((name for name in names if name in held), None)
