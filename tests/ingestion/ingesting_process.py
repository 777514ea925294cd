"""A process that brings a persona's collections in step, and kills itself with signal 9 at one point if it is told to.

Arguments: the persona, and the point: `embed N` (as the Nth batch of this process is embedded), `indexed N` (its words
are in the keyword index, its vectors are not stored yet), `stored N` (after it is durable), `removing` (vectors of what
is gone are removed, its words are not), or nothing. Its home comes from MILLRACE_HOME; Chroma is the process's own.
At its end it says how many texts it embedded.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from spine.adapters.passages import Passages
from spine.contracts.ingestion import CollectionResult
from spine.contracts.personas import COLLECTIONS
from spine.passages_port import PassageStores
from spine.persona_folders import persona_folder
from spine.settings import settings
from spine.testing.hashing_embedder import HashingEmbedder
from spine.vectors_port import Entry, Vector, VectorStore
from tasks.persona_ingestion import updating
from tasks.persona_ingestion.sources import find_sources

SMALL_BATCH = 8


class Interruption:
    """Reaching the point is the end of the process, with no chance for any of its code to tidy up."""

    def __init__(self, point: str) -> None:
        self._point = point

    def reach(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


class Embedder(HashingEmbedder):
    def __init__(self, interruption: Interruption) -> None:
        super().__init__()
        self._interruption = interruption
        self.batches = 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.batches += 1
        self._interruption.reach(f"embed {self.batches}")
        return await super().embed(texts)


class Collection:
    """A stored collection whose writes can be the last thing that the process does."""

    def __init__(self, stored: Any, interruption: Interruption, writes: list[None]) -> None:
        self._stored = stored
        self._interruption = interruption
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)

    async def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        self._writes.append(None)
        self._interruption.reach(f"indexed {len(self._writes)}")
        await self._stored.add(entries, vectors)
        self._interruption.reach(f"stored {len(self._writes)}")

    async def delete(self, ids: Sequence[str]) -> None:
        await self._stored.delete(ids)
        self._interruption.reach("removing")


class Vectors:
    def __init__(self, store: VectorStore, interruption: Interruption) -> None:
        self._store = store
        self._interruption = interruption
        self._writes: list[None] = []

    async def open(self, name: str, *, model: str, dimension: int) -> Any:
        stored = await self._store.open(name, model=model, dimension=dimension)
        return Collection(stored, self._interruption, self._writes)


async def main(persona: str, point: str = "") -> None:
    updating.BATCH = SMALL_BATCH  # type: ignore[misc]
    interruption = Interruption(point)
    embedder, passages = Embedder(interruption), Passages(settings())
    real = await passages()
    stores = PassageStores(embedder, Vectors(real.vectors, interruption), real.keywords)  # type: ignore[arg-type]
    folder = persona_folder(settings().personas_dir, persona)
    for collection in COLLECTIONS:
        await updating.update_from(persona, collection, find_sources(folder, collection), stores, _hear_nothing)
    await passages.close()
    print(embedder.embedded)


async def _hear_nothing(share: float, result: CollectionResult) -> None:
    return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
