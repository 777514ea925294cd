"""Chooses the sentences that an article may quote, each with the source it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import Passage
from tasks.book_review.writing.quotable import is_quotable, is_quotable_entry
from tasks.book_review.writing.ranking import centrality, content_words, diverse, relevance
from tasks.book_review.writing.text_units import fold, lines, sentences

_FAR_APART = 1_000  # places between two passages, so that they never count as neighbours


@dataclass(frozen=True, slots=True)
class Quote:
    """One sentence of a source. `rank` 0 is the most telling one; neighbours have neighbouring `place`s."""

    source: str
    url: str | None
    text: str
    rank: int
    place: int


@dataclass(frozen=True, slots=True)
class _Found:
    source: str
    url: str | None
    text: str
    place: int


def description_quotes(book: ConsolidatedBook) -> list[Quote]:
    """The sentences of the book's description, most telling first."""
    description = book.metadata.description
    if not description:
        return []
    provenance = book.provenance.get("description")
    source = provenance.source if provenance else "amazon"
    url = next((said.url for said in book.sources if said.source == source), None)
    return _ranked(_quotable(source, url, description, with_entries=True), _query(book))


def voice_quotes(book: ConsolidatedBook, passages: Sequence[Passage], taken: Sequence[Quote]) -> list[Quote]:
    """Sentences of all other sources that speak of the book, most telling first, none like one already taken."""
    seen = {fold(quote.text) for quote in taken}
    pool: list[_Found] = []
    for number, passage in enumerate(passages):
        for found in _quotable(passage.source, passage.url, passage.text, first_place=number * _FAR_APART):
            if fold(found.text) not in seen:
                seen.add(fold(found.text))
                pool.append(found)
    subject = f"{_query(book)} {book.metadata.description or ''}"
    return _unlike(_ranked(pool, subject), taken)


def _quotable(
    source: str, url: str | None, text: str, *, first_place: int = 0, with_entries: bool = False
) -> list[_Found]:
    """The quotable sentences of a text with their places.

    `with_entries` takes lines without a full stop too, where the line is an entry and not the torn end of a paragraph.
    """
    found: dict[str, _Found] = {}
    place = first_place
    for line in lines(text):
        told = sentences(line)
        for sentence in told:
            place += 1
            entry = with_entries and len(told) == 1 and is_quotable_entry(sentence)
            if entry or is_quotable(sentence):
                found.setdefault(fold(sentence), _Found(source, url, sentence, place))
    return list(found.values())


def _query(book: ConsolidatedBook) -> str:
    return " ".join([book.metadata.title or "", *(book.metadata.authors or [])])


def _ranked(pool: Sequence[_Found], query: str) -> list[Quote]:
    texts = [found.text for found in pool]
    central, close = centrality(texts), relevance(texts, query)
    top = max(central, default=0.0) or 1.0
    scores = [share / top + near for share, near in zip(central, close, strict=True)]
    chosen = [pool[number] for number in diverse(texts, scores, len(texts))]
    return [Quote(found.source, found.url, found.text, rank, found.place) for rank, found in enumerate(chosen)]


def _unlike(quotes: Sequence[Quote], taken: Sequence[Quote]) -> list[Quote]:
    held = [set(content_words(quote.text)) for quote in taken]
    return [
        quote for quote in quotes if not any(_overlap(set(content_words(quote.text)), other) > 0.8 for other in held)
    ]


def _overlap(first: set[str], second: set[str]) -> float:
    return len(first & second) / max(1, min(len(first), len(second)))
