"""Merges what the sources say of a book, field by field, and remembers who said what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spine.contracts.books import BookMetadata, ConsolidatedBook, FieldProvenance, SourcedValue
from spine.contracts.texts import BibliographicCandidate, LinkPage
from spine.errors import InvalidInputError
from tasks.book_review.facts.author_names import (
    is_badly_written,
    natural_order,
    same_person,
    title_cased,
    without_repeats,
)
from tasks.book_review.facts.isbns import IsbnPair, read_isbns
from tasks.book_review.facts.sameness import clean_publisher, iso_date, same_value

_FIRST = ("amazon", "goodreads")
_OWN_BY_SITE = frozenset({"price_book", "price_ebook", "rating", "rating_count"})
_NEVER_IN_CONFLICT = frozenset({"description", "cover_image_url", "asin"})
_ISBN_FIELDS = ("isbn_13", "isbn_10")
_LABELS = {"isbn_13": "ISBN-13", "isbn_10": "ISBN-10", "asin": "ASIN"}


@dataclass(frozen=True, slots=True)
class SourcedMetadata:
    """What one source says of the book. `source` is its short name: amazon, goodreads, link:2, openlibrary, …"""

    source: str
    url: str | None
    metadata: BookMetadata | BibliographicCandidate


@dataclass(frozen=True, slots=True)
class _Read:
    """A source with its values tidied up and its ISBN checked."""

    name: str
    url: str | None
    values: dict[str, Any]
    isbns: IsbnPair

    def said(self, value: Any) -> SourcedValue:
        return SourcedValue(source=self.name, url=self.url, value=_plain(value))


def named_sources(url: str, metadata: BookMetadata, pages: Sequence[LinkPage]) -> list[SourcedMetadata]:
    """Everything that says something of the book; the product page first, the links under their numbers."""
    sources = [SourcedMetadata("amazon", url, metadata)]
    for number, page in enumerate(pages, start=1):
        if any(page.bibliography.model_dump(exclude_none=True).values()):
            sources.append(SourcedMetadata(f"link:{number}", page.final_url or page.url, page.bibliography))
    return sources


def consolidate(sources: Sequence[SourcedMetadata]) -> ConsolidatedBook:
    """One book out of all sources, with the provenance of each field.

    The product page (`amazon`) comes first, then `goodreads`, then the others as given. The same value in another
    format is no conflict; of two dates that agree the exacter one is taken. Both ISBNs come from one source, checked
    and derived from each other. True conflicts stay with their sources. Raises `InvalidInputError` without sources.
    """
    if not sources:
        raise InvalidInputError("There is no source to consolidate: give the metadata of the product page at least.")
    ranked = sorted(sources, key=lambda source: _FIRST.index(source.source) if source.source in _FIRST else len(_FIRST))
    spelled, notes = _spell_authors([_read(source) for source in ranked])
    notes = [*(note for read in spelled for note in read.isbns.notes), *notes]
    values: dict[str, Any] = {}
    provenance: dict[str, FieldProvenance] = {}
    for name in BookMetadata.model_fields:
        merged = _merge_isbn(name, spelled) if name in _ISBN_FIELDS else _merge(name, spelled, provenance)
        if merged is not None:
            values[name], provenance[name] = merged
    if "title" not in values:
        notes.append("No source gives a title.")
    return ConsolidatedBook(
        metadata=BookMetadata.model_validate(values),
        provenance=provenance,
        sources=[_as_given(source) for source in ranked],
        notes=notes,
    )


def _as_given(source: SourcedMetadata) -> SourcedValue:
    given = source.metadata.model_dump(mode="json", exclude_none=True)
    return SourcedValue(source=source.source, url=source.url, value=given)


def _read(source: SourcedMetadata) -> _Read:
    metadata = source.metadata
    given = {name: getattr(metadata, name) for name in type(metadata).model_fields if name in BookMetadata.model_fields}
    tidied = {name: _tidied(name, value) for name, value in given.items()}
    values = {name: value for name, value in tidied.items() if value not in (None, "", [])}
    isbns = read_isbns(source.source, metadata.isbn_10, metadata.isbn_13, values.get("asin"))
    return _Read(source.source, source.url, values, isbns)


def _tidied(name: str, value: Any) -> Any:
    if name == "authors":
        return without_repeats([natural_order(author) for author in value or () if author.strip()])
    if name == "pages":
        return value if value and value > 0 else None  # a model's -1 or 0 for "not told"
    if not isinstance(value, str):
        return value
    text = value.strip()
    if name == "publication_date":
        return iso_date(text) or text
    return clean_publisher(text) if name == "publisher" and text else text


def _merge(
    name: str, sources: Sequence[_Read], provenance: dict[str, FieldProvenance]
) -> tuple[Any, FieldProvenance] | None:
    holders = [source for source in sources if name in source.values]
    if name == "rating_count":
        holders = _with_the_rating_first(holders, provenance)
    if not holders:
        return None
    winner = _exactest(holders) if name == "publication_date" else holders[0]
    value = winner.values[name]
    others = [source for source in holders if source is not winner]
    same = [source for source in others if same_value(name, value, source.values[name])]
    different = [] if name in _NEVER_IN_CONFLICT else [source for source in others if source not in same]
    reason = _reason(name, winner, holders[0], same, different)
    conflicts = [source.said(source.values[name]) for source in different]
    return value, FieldProvenance(source=winner.name, reason=reason, conflicts=conflicts)


def _with_the_rating_first(holders: list[_Read], provenance: dict[str, FieldProvenance]) -> list[_Read]:
    """A count belongs to the average it was counted for: never one site's average with another's count."""
    rating = provenance.get("rating")
    if rating is None:
        return holders
    own = [source for source in holders if source.name == rating.source]
    return [*own, *(source for source in holders if source not in own)] if own else []


def _exactest(holders: list[_Read]) -> _Read:
    first = holders[0].values["publication_date"]
    agreeing = [h for h in holders if same_value("publication_date", first, h.values["publication_date"])]
    return max(agreeing, key=lambda source: len(iso_date(source.values["publication_date"]) or ""))


def _reason(name: str, winner: _Read, first: _Read, same: list[_Read], different: list[_Read]) -> str:
    label = _LABELS.get(name, name.replace("_", " "))
    if winner is not first:
        return f"{winner.name} gives the {label} more exactly than {first.name}, and they agree."
    if name in _OWN_BY_SITE and different:
        return f"{winner.name} comes first; prices and ratings are each site's own."
    if different:
        return f"{winner.name} comes first; {_listed(different)} {_says(different)} otherwise."
    if same:
        return f"{winner.name} comes first, and {_listed(same)} {_agrees(same)}."
    return f"{winner.name} is the first source that gives the {label}."


def _merge_isbn(name: str, sources: Sequence[_Read]) -> tuple[str, FieldProvenance] | None:
    holders = [source for source in sources if source.isbns.isbn_13]
    value = getattr(holders[0].isbns, name) if holders else None
    if value is None:
        return None
    winner, others = holders[0], holders[1:]
    different = [other for other in others if other.isbns.isbn_13 != winner.isbns.isbn_13]
    origin = (winner.isbns.derived or {}).get(name)
    reason = (
        f"Derived from the {_LABELS[origin]} of {winner.name}."
        if origin
        else _reason(name, winner, winner, [other for other in others if other not in different], different)
    )
    conflicts = [other.said(getattr(other.isbns, name)) for other in different if getattr(other.isbns, name)]
    return value, FieldProvenance(source=winner.name, reason=reason, conflicts=conflicts)


def _spell_authors(sources: list[_Read]) -> tuple[list[_Read], list[str]]:
    """Slugs and names in one case get the spelling of another source, or capitals and a note."""
    well_written = [
        author for source in sources for author in source.values.get("authors", ()) if not is_badly_written(author)
    ]
    notes: list[str] = []
    spelled: list[_Read] = []
    for source in sources:
        authors = [_spelled(author, well_written, source.name, notes) for author in source.values.get("authors", ())]
        spelled.append(replace(source, values={**source.values, "authors": authors}) if authors else source)
    return spelled, notes


def _spelled(author: str, well_written: list[str], source: str, notes: list[str]) -> str:
    if not is_badly_written(author):
        return author
    better = next((other for other in well_written if same_person(author.replace("-", " "), other)), None)
    if better is None:
        better = title_cased(author)
        notes.append(f"{source}: the author is written “{author}” there; no other source has a better spelling.")
    return better


def _listed(sources: Sequence[_Read]) -> str:
    names = list(dict.fromkeys(source.name for source in sources))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _says(sources: Sequence[_Read]) -> str:
    return "says" if len({source.name for source in sources}) == 1 else "say"


def _agrees(sources: Sequence[_Read]) -> str:
    return "agrees" if len({source.name for source in sources}) == 1 else "agree"


def _plain(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value
