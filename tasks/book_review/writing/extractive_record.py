"""The parts of the article without a model that keep the record: facts, origins, conflicts, method, sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote as percent_encoded
from urllib.parse import urlsplit

from spine.contracts.books import FieldProvenance, SourcedValue
from tasks.book_review.facts.sameness import same_value
from tasks.book_review.writing.extractive_material import Material
from tasks.book_review.writing.layout import Part, Piece, Weight
from tasks.book_review.writing.markdown_text import escaped, escaped_line

_FACTS = (
    *("title", "authors", "publisher", "publication_date", "pages", "language", "isbn_13", "isbn_10", "asin"),
    *("price_book", "price_ebook", "rating", "rating_count"),
)
_NOTED = {
    "isbn_13": "isbn_note",
    "pages": "pages_note",
    "publication_date": "date_note",
    "language": "language_note",
    "publisher": "publisher_note",
}
_ASKED_FOR = (
    *(
        "authors",
        "publisher",
        "publication_date",
        "pages",
        "language",
        "isbn_13",
        "price_book",
        "price_ebook",
        "rating",
    ),
    "description",
)
_OWN_BY_SITE = frozenset({"rating", "rating_count", "price_book", "price_ebook"})
_METHOD = (
    "method_read",
    "method_agree",
    "method_check",
    "method_rank",
    "method_opinion",
    "method_limit",
    "review_note",
)


def facts_parts(material: Material) -> list[Part]:
    known = [(field, value) for field in _FACTS if (value := getattr(material.metadata, field)) is not None]
    items = [
        Piece(
            f"**{material.phrases.labels[field]}:** {escaped(material.shown(field, value))}",
            Weight.ESSENTIAL if number == 0 else Weight.CORE,
        )
        for number, (field, value) in enumerate(known)
    ]
    notes = [material.piece(_NOTED[field], Weight.NOTES) for field, _ in known if field in _NOTED]
    if material.metadata.price_book or material.metadata.price_ebook:
        notes.append(material.piece("price_note", Weight.NOTES))
    return [Part("facts", "items", items, lead=material.phrases.say("facts_lead")), Part("facts", "prose", notes)]


def open_parts(material: Material) -> list[Part]:
    """Where sources contradict each other, what none of them says, and which gave nothing."""
    said = material.phrases
    missing = [said.labels[field] for field in _ASKED_FOR if getattr(material.metadata, field) is None]
    silent = dict.fromkeys(escaped_line(note.source) for note in material.research.notes if note.error)
    conflicts = list(_conflicts(material))
    agreement = [] if conflicts or not _share_a_fact(material) else [material.piece("conflict_none", Weight.NOTES)]
    return [
        Part("open", "items", conflicts, lead=said.say("conflict_lead")),
        Part("open", "prose", agreement),
        Part("open", "items", [Piece(name, Weight.CORE) for name in missing], lead=said.say("open_lead")),
        Part("open", "items", [Piece(name, Weight.CORE) for name in silent], lead=said.say("failed_lead")),
    ]


def method_parts(material: Material) -> list[Part]:
    """How the article was made, and where each fact comes from."""
    said = material.phrases
    quoting = [material.piece("quote_note", Weight.NOTES)] if material.metadata.description else []
    return [
        Part("method", "prose", [*quoting, *(material.piece(key, Weight.METHOD) for key in _METHOD)]),
        Part("method", "items", list(_origins(material)), lead=said.say("provenance_lead")),
    ]


def source_parts(material: Material) -> list[Part]:
    """Every page that the article rests on, as a link where there is an address."""
    items = [
        Piece(_link(label, page), Weight.ESSENTIAL if number == 0 else Weight.CORE)
        for number, (page, label) in enumerate(material.page_labels.items())
    ]
    return [Part("sources", "items", items, lead=material.phrases.say("sources_lead"))]


def _conflicts(material: Material) -> Iterator[Piece]:
    for field, provenance in material.book.provenance.items():
        for other in provenance.conflicts if field not in _OWN_BY_SITE else ():
            yield material.piece(
                "conflict",
                Weight.CORE,
                field=material.phrases.labels[field],
                value=material.shown(field, getattr(material.metadata, field)),
                source=_label_of(material, provenance),
                other_value=material.shown(field, other.value),
                other=material.source_label(other.source, other.url),
            )


def _origins(material: Material) -> Iterator[Piece]:
    for field in _FACTS:
        provenance = material.book.provenance.get(field)
        if provenance is None or provenance.conflicts:
            continue
        key = _origin_key(material, field, provenance)
        yield material.piece(
            key, Weight.METHOD, field=material.phrases.labels[field], source=_label_of(material, provenance)
        )


def _origin_key(material: Material, field: str, provenance: FieldProvenance) -> str:
    given = {source.source: _given(source, field) for source in material.book.sources}
    if field.startswith("isbn") and given.get(provenance.source) is None:
        return "source_derived"
    value = given.get(provenance.source)
    others = [said for source, said in given.items() if source != provenance.source and said is not None]
    confirmed = value is not None and any(same_value(field, value, said) for said in others)
    return "source_agree" if confirmed else "source_one"


def _given(source: SourcedValue, field: str) -> Any:
    return source.value.get(field) if isinstance(source.value, dict) else None


def _share_a_fact(material: Material) -> bool:
    return any(sum(_given(source, field) is not None for source in material.book.sources) > 1 for field in _FACTS)


def _label_of(material: Material, provenance: FieldProvenance) -> str:
    url = next((source.url for source in material.book.sources if source.source == provenance.source), None)
    return material.source_label(provenance.source, url)


def _link(label: str, url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        return escaped_line(label)
    return f"[{escaped(label)}]({percent_encoded(url, safe=':/?#@!$&*+,;=%~-._')})"
