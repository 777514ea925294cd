"""Names a persona's vector collections and keeps each in step with its keyword index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spine.contracts.personas import COLLECTIONS, CollectionName, PersonaId
from spine.keywords_port import KeywordIndex
from spine.vectors_port import Entry, Vector, VectorCollection

_PAGE: Final = 1000


def collection_name(persona_id: PersonaId, collection: CollectionName) -> str:
    """The name in the vector store and in the keyword index."""
    return f"persona.{persona_id}.{collection}"


def collection_names(persona_id: PersonaId) -> dict[str, str]:
    """All of a persona's collections, as `HybridSearch.search` takes them."""
    return {collection: collection_name(persona_id, collection) for collection in COLLECTIONS}


@dataclass(frozen=True, slots=True)
class Mended:
    """What had to be done to the keyword index."""

    added: int
    removed: int
    held: int
    """Entries of the collection, which the index holds now."""


@dataclass(frozen=True, slots=True)
class IndexedCollection:
    """A vector collection, which is the truth, and the words of its entries, which can be made again from it.

    The order of the writes keeps one rule through every crash: what the collection holds, the index holds. The index
    may hold more; a search passes over that, and `mend` removes it.
    """

    vectors: VectorCollection
    keywords: KeywordIndex

    async def upsert(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        await self.keywords.upsert(self.vectors.name, entries)
        await self.vectors.upsert(entries, vectors)

    async def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        """Store entries whose ids are new to the collection."""
        await self.keywords.upsert(self.vectors.name, entries)
        await self.vectors.add(entries, vectors)

    async def refresh(self, entries: Sequence[Entry]) -> None:
        """Replace text and metadata of stored entries whose vectors stand."""
        await self.keywords.upsert(self.vectors.name, entries)
        await self.vectors.refresh(entries)

    async def delete(self, ids: Sequence[str]) -> None:
        await self.vectors.delete(ids)
        await self.keywords.delete(self.vectors.name, ids)

    async def mend(self) -> Mended:
        """Make the index equal to the collection, while nobody else writes to them. Quick when nothing is amiss."""
        stored = {one async for page in self.vectors.id_pages() for one in page}
        indexed = {one async for one in self.keywords.ids(self.vectors.name)}
        missing, surplus = sorted(stored - indexed), sorted(indexed - stored)
        for start in range(0, len(missing), _PAGE):
            entries = await self.vectors.get(missing[start : start + _PAGE])
            await self.keywords.upsert(self.vectors.name, entries)
        if surplus:
            await self.keywords.delete(self.vectors.name, surplus)
        return Mended(added=len(missing), removed=len(surplus), held=len(stored))
