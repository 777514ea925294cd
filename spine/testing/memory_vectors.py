"""A vector store in memory: the twin of Chroma for tests, exact where Chroma is approximate."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from operator import mul

from spine.errors import NotFoundError
from spine.vector_values import (
    check_entries,
    check_same_model,
    check_texts,
    check_vector,
    checked_name,
    conditions,
    matches,
)
from spine.vectors_port import Entry, Filter, Nearest, Vector, VectorCollection


class MemoryVectors:
    """Collections that live as long as this object."""

    def __init__(self) -> None:
        self._collections: dict[str, _MemoryCollection] = {}

    async def open(self, name: str, *, model: str, dimension: int) -> VectorCollection:
        held = self._collections.setdefault(checked_name(name), _MemoryCollection(name, model, dimension))
        check_same_model(name, (held.model, held.dimension), (model, dimension))
        return held

    async def find(self, name: str) -> VectorCollection | None:
        return self._collections.get(checked_name(name))

    async def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._collections if name.startswith(prefix))

    async def drop(self, name: str) -> None:
        dropped = self._collections.pop(checked_name(name), None)
        if dropped is not None:
            dropped.dropped = True

    async def ping(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """It holds nothing outside this object."""


@dataclass
class _MemoryCollection:
    name: str
    model: str
    dimension: int
    dropped: bool = False
    _stored: dict[str, tuple[Entry, Vector]] = field(default_factory=dict[str, tuple[Entry, Vector]])

    async def upsert(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        check_entries(entries, vectors, self.dimension)
        held = self._held()
        for entry, vector in zip(entries, vectors, strict=True):
            held[entry.id] = (Entry(entry.id, entry.text, dict(entry.metadata)), list(vector))

    async def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        check_entries(entries, vectors, self.dimension)
        held = self._held()
        new = [pair for pair in zip(entries, vectors, strict=True) if pair[0].id not in held]
        await self.upsert([entry for entry, _ in new], [vector for _, vector in new])

    async def refresh(self, entries: Sequence[Entry]) -> None:
        check_texts(entries)
        held = self._held()
        for entry in entries:
            if entry.id in held:
                held[entry.id] = (Entry(entry.id, entry.text, dict(entry.metadata)), held[entry.id][1])

    async def delete(self, ids: Sequence[str]) -> None:
        held = self._held()
        for one in ids:
            held.pop(one, None)

    async def count(self) -> int:
        return len(self._held())

    async def id_pages(self, size: int = 2000) -> AsyncIterator[list[str]]:
        ids = list(self._held())
        for start in range(0, len(ids), size):
            yield ids[start : start + size]

    async def get(self, ids: Sequence[str], where: Filter | None = None) -> list[Entry]:
        held, wanted = self._held(), conditions(where)
        found = [held[one][0] for one in ids if one in held]
        return [entry for entry in found if matches(entry.metadata, wanted)]

    async def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        held = self._held()
        return {one: list(held[one][1]) for one in ids if one in held}

    async def query(self, vector: Vector, *, limit: int, where: Filter | None = None) -> list[Nearest]:
        check_vector(vector, self.dimension)
        wanted = conditions(where)
        found = [
            Nearest(entry, _cosine(vector, stored))
            for entry, stored in self._held().values()
            if matches(entry.metadata, wanted)
        ]
        return sorted(found, key=lambda near: (-near.similarity, near.entry.id))[:limit]

    def _held(self) -> dict[str, tuple[Entry, Vector]]:
        if self.dropped:
            raise NotFoundError(f"The collection {self.name} was dropped")
        return self._stored


def _cosine(first: Vector, second: Vector) -> float:
    lengths = math.hypot(*first) * math.hypot(*second)
    return sum(map(mul, first, second)) / lengths if lengths else 0.0
