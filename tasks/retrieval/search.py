"""Searches a persona's collections by meaning and by words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

from spine.contracts.retrieval import SearchHit
from spine.errors import InvalidInputError
from spine.keywords_port import KeywordIndex
from spine.vector_values import check_same_model
from spine.vectors_port import Embedder, Entry, Filter, Scalar, Vector, VectorCollection, VectorStore
from spine.words import words
from tasks.retrieval.indexed_collection import IndexedCollection
from tasks.retrieval.ranking import Candidate, rank, weigh
from tasks.retrieval.spellings import as_stored
from tasks.retrieval.words_elsewhere import catch_up

_CANDIDATES: Final = 50  # from each search of each collection, at least
_WIDEST: Final = 5000  # keyword candidates looked at when a filter refuses the best ones
_LONGEST_QUESTION: Final = 10_000  # characters


@dataclass(frozen=True, slots=True)
class _Found:
    """A candidate with where it came from."""

    collection: str
    entry: Entry
    similarity: float


@dataclass(frozen=True, slots=True)
class HybridSearch:
    """Reads what `IndexedCollection` wrote. It keeps nothing between searches but, where the caller gives a place for
    it, when each collection's words were last held against its passages (`words_elsewhere`)."""

    embedder: Embedder
    vectors: VectorStore
    keywords: KeywordIndex
    looked_at: dict[str, float] | None = None

    async def search(
        self, question: str, collections: Mapping[str, str], *, limit: int = 10, where: Filter | None = None
    ) -> list[SearchHit]:
        """The best passages of all `collections` together, best first.

        `collections` gives each collection's stored name under the name that its hits carry; one that is not there
        is passed over. `where` filters by metadata, such as `{"language": "ro"}`. `InvalidInputError` for an empty
        question, a filter that is not one, or a collection of another embedding model.
        """
        _check_question(question, limit)
        present = await self._present(collections)
        if not present:
            return []
        await self._catch_up(present.values())
        [vector] = await self.embedder.embed([question])
        where = None if where is None else as_stored(where)
        wanted = max(_CANDIDATES, limit)
        searches = [self._candidates(name, one, question, vector, wanted, where) for name, one in present.items()]
        found = {
            f"{candidate.collection}/{candidate.entry.id}": candidate
            for part in await asyncio.gather(*searches)
            for candidate in part
        }
        asked = weigh(question, *await self._rarity(question, list(present.values())))
        candidates = (Candidate(one, each.entry.text, each.similarity) for one, each in found.items())
        return [_hit(found[best.id], score) for score, best in rank(asked, candidates)[:limit]]

    async def _present(self, collections: Mapping[str, str]) -> dict[str, VectorCollection]:
        found = await asyncio.gather(*(self.vectors.find(stored) for stored in collections.values()))
        present = {name: one for name, one in zip(collections, found, strict=True) if one is not None}
        for one in present.values():
            check_same_model(one.name, (one.model, one.dimension), (self.embedder.name, self.embedder.dimension))
        return present

    async def _catch_up(self, collections: Iterable[VectorCollection]) -> None:
        if self.looked_at is not None:
            for one in collections:
                await catch_up(IndexedCollection(one, self.keywords), self.looked_at)

    async def _candidates(
        self, name: str, collection: VectorCollection, question: str, vector: Vector, wanted: int, where: Filter | None
    ) -> list[_Found]:
        nearest, by_words = await asyncio.gather(
            collection.query(vector, limit=wanted, where=where),
            self._by_words(collection, question, wanted, where),
        )
        found = {near.entry.id: _Found(name, near.entry, near.similarity) for near in nearest}
        others = [entry for entry in by_words if entry.id not in found]
        stored = await collection.vectors([entry.id for entry in others])
        # An entry that was deleted since has no vector any more.
        return [
            *found.values(),
            *(_Found(name, entry, _cosine(vector, stored[entry.id])) for entry in others if entry.id in stored),
        ]

    async def _by_words(
        self, collection: VectorCollection, question: str, wanted: int, where: Filter | None
    ) -> list[Entry]:
        """Entries by their words. The index knows no metadata: where a filter leaves too few, more are looked at."""
        width = wanted
        while True:
            hits = await self.keywords.search(collection.name, question, limit=width)
            entries = await collection.get([hit.id for hit in hits], where)
            if not where or len(entries) >= wanted or len(hits) < width or width >= _WIDEST:
                return entries[:wanted]
            width = min(width * 10, _WIDEST)

    async def _rarity(self, question: str, collections: Sequence[VectorCollection]) -> tuple[Mapping[str, int], int]:
        """In how many of the collections' entries each word stands, and how many entries there are."""
        asked = set(words(question))
        counts = await asyncio.gather(*(self.keywords.holding(one.name, asked) for one in collections))
        totals = await asyncio.gather(*(self.keywords.count(one.name) for one in collections))
        return sum(map(Counter, counts), Counter[str]()), sum(totals)


def _check_question(question: str, limit: int) -> None:
    if not question.strip():
        raise InvalidInputError("A search needs some words to look for")
    if len(question) > _LONGEST_QUESTION:
        raise InvalidInputError(f"A question may have {_LONGEST_QUESTION} characters, not {len(question)}")
    if not _is_unicode(question):
        raise InvalidInputError("A question holds half a surrogate pair: decode it with errors='replace'")
    if limit < 1:
        raise InvalidInputError("A search gives at least one hit: ask for a limit above 0")


def _is_unicode(text: str) -> bool:
    """A model's tokenizer takes nothing else."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cosine(question: Vector, stored: Vector) -> float:
    """Both have length 1."""
    return sum(map(mul, question, stored))


def _hit(found: _Found, score: float) -> SearchHit:
    metadata = found.entry.metadata
    return SearchHit(
        id=found.entry.id,
        text=found.entry.text,
        score=round(score, 4),
        collection=found.collection,
        work=_text(metadata.get("work")),
        section=_text(metadata.get("section")),
        start=_number(metadata.get("start")),
        end=_number(metadata.get("end")),
    )


def _text(value: Scalar | None) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Scalar | None) -> int | None:
    return int(value) if isinstance(value, int | float) else None
