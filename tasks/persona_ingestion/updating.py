"""Makes a stored collection equal to what its sources give, embedding only what is new."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from spine.contracts.ingestion import CollectionResult
from spine.contracts.personas import Chunk, CollectionName, SourceReport
from spine.errors import ExternalServiceError, InvalidInputError
from spine.passages_port import PassageStores
from spine.vectors_port import Embedder, Entry
from tasks.persona_ingestion.chunking import ChunkSize
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.plan import Changes, plan_batch, surplus
from tasks.persona_ingestion.sources import Sources
from tasks.retrieval.ahead import batches
from tasks.retrieval.embedding import BATCH, embed_and_store
from tasks.retrieval.indexed_collection import IndexedCollection, collection_name

Tell = Callable[[float, CollectionResult], Awaitable[None]]
"""Hears how much of the sources is stored, 0 to 1, and the counts so far. Quick: the next batch waits for it."""

_FIRST: Final = 16
"""Passages in the first batch and in the last: the model begins as soon as those are read, and once it has ended
only these are still to be written."""

_LAST_PASSAGE: Final = 3.0
"""Seconds that a closed reading waits for the passage in the making: a cancel ends within ten."""


class Reading:
    """A corpus read in threads, one of them at a time, and closed from the event loop even while one reads.

    Whoever uses the ledger last closes it: a thread that is deep in a large file when the reading is closed gives up
    at the next passage.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._items = iter(corpus)
        self._turn = Lock()
        self._closed = False
        self.given = 0
        """Chunks that were read."""

    def __iter__(self) -> Iterator[Chunk | SourceReport]:
        return self

    def __next__(self) -> Chunk | SourceReport:
        with self._turn:
            if self._closed:
                raise StopIteration
            try:
                item = next(self._items)
            finally:
                if self._closed:
                    self._corpus.ledger.close()
            self.given += isinstance(item, Chunk)
            return item

    @property
    def progress(self) -> float:
        return self._corpus.progress

    async def close(self) -> None:
        """Returns when no thread reads any more, or after a few seconds with one in the midst of a large file."""
        self._closed = True
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        if self._turn.acquire(timeout=_LAST_PASSAGE):
            self._corpus.ledger.close()
            self._turn.release()


@asynccontextmanager
async def reading(persona_id: str, sources: Sources, embedder: Embedder, ledger: Ledger) -> AsyncGenerator[Reading]:
    size = ChunkSize.within(embedder.max_tokens)
    opened = Reading(Corpus(persona_id, sources, embedder.count_tokens, ledger, size))
    try:
        yield opened
    finally:
        await opened.close()


async def update_from(
    persona_id: str, name: CollectionName, sources: Sources, stores: PassageStores, tell: Tell
) -> CollectionResult:
    """Bring one collection in step with `sources`; its counts.

    Every batch is durable once it is told, and a new call goes on from there: what is stored is not embedded again.
    Nothing is removed before all sources were read to their end. `InvalidInputError` when there are files and none
    can be read (then nothing is removed), and when the collection holds vectors of another model.
    """
    embedder = stores.embedder.for_one_corpus()
    stored_as = collection_name(persona_id, name)
    vectors = await stores.vectors.open(stored_as, model=embedder.name, dimension=embedder.dimension)
    collection = IndexedCollection(vectors, stores.keywords)
    held = (await collection.mend()).held
    ledger = Ledger()
    async with reading(persona_id, sources, embedder, ledger) as read:
        result = CollectionResult(persona_id=persona_id, collection=name, total_vectors=held)
        for place in sources.left_out:
            result.leave_out(place)
        update = _Update(collection, embedder, read, tell, result, is_new=not held)
        await update.add_what_is_new()
        _check_something_was_read(result)
        for place in sources.beside:
            result.leave_out(place)
        await update.remove_surplus(ledger)
        _check_counts(result)
    return result


@dataclass
class _Update:
    """One pass over one collection."""

    collection: IndexedCollection
    embedder: Embedder
    reading: Reading
    tell: Tell
    result: CollectionResult
    is_new: bool
    """Whether the collection held nothing, so that nobody need look for what is stored."""
    _planned: int = 0
    """Chunks that are stored or on their way."""
    _share: float = 0.0
    _coming: deque[float] = field(default_factory=deque[float])
    """The share of the sources that is stored with each batch that is on its way."""

    async def add_what_is_new(self) -> None:
        await embed_and_store(self._new_entries(), self.embedder, self.collection, self._stored)

    async def _new_entries(self) -> AsyncGenerator[list[Entry]]:
        async with aclosing(batches(self.reading, BATCH, first=_FIRST)) as read:
            async for items in read:
                for item in items:
                    if isinstance(item, SourceReport):
                        self.result.add(item)
                chunks = [item for item in items if isinstance(item, Chunk)]
                changes = await self._plan(chunks)
                if changes.refresh:
                    await self.collection.refresh(_entries(changes.refresh))
                self.result.refreshed += len(changes.refresh)
                self.result.kept += len(changes.keep)
                share = self._share_with(len(chunks))
                if changes.add:
                    self._coming.append(share)
                    yield _entries(changes.add)
                elif not self._coming:
                    await self.tell(share, self.result)

    def _share_with(self, chunks: int) -> float:
        """0 to 1, never falling: what was read, without that part of it which still waits to be planned."""
        self._planned += chunks
        planned = self._planned / self.reading.given if self.reading.given else 1.0
        self._share = max(self._share, self.reading.progress * planned)
        return self._share

    async def _plan(self, chunks: Sequence[Chunk]) -> Changes:
        if not chunks or self.is_new:
            return Changes(add=tuple(chunks))
        stored = await self.collection.vectors.get([chunk.id for chunk in chunks])
        return plan_batch(chunks, {entry.id: str(entry.metadata.get("fingerprint")) for entry in stored})

    async def _stored(self, batch: Sequence[Entry]) -> None:
        self.result.embedded += len(batch)
        self.result.total_vectors += len(batch)
        await self.tell(self._coming.popleft(), self.result)

    async def remove_surplus(self, ledger: Ledger) -> None:
        """Listed to the end before anything is deleted, since a listing does not bear deletions.

        All that the sources give is stored by now: where no more is stored, nothing is surplus, and nothing is listed.
        """
        self.result.total_vectors = await self.collection.vectors.count()
        if self.result.total_vectors == self.result.stored:
            return
        gone: list[str] = []
        async for page in self.collection.vectors.id_pages():
            gone += await asyncio.to_thread(surplus, page, ledger.wanted)
        if gone:
            await self.collection.delete(gone)
            self.result.total_vectors = await self.collection.vectors.count()
        self.result.removed = len(gone)


def _entries(chunks: Sequence[Chunk]) -> list[Entry]:
    return [Entry(chunk.id, chunk.text, chunk.metadata()) for chunk in chunks]


def _check_something_was_read(result: CollectionResult) -> None:
    if result.chunks or not (result.files or result.left_out_total):
        return
    first = result.left_out[0]
    raise InvalidInputError(
        f"None of the files of {result.collection} could be read, so nothing was changed: {first.file} {first.reason}"
        + (f", and {result.left_out_total - 1} more" if result.left_out_total > 1 else "")
    )


def _check_counts(result: CollectionResult) -> None:
    """What the store holds is the proof; a difference means that somebody else wrote to it, and a rerun mends it."""
    if result.total_vectors != result.stored:
        raise ExternalServiceError(
            f"The collection holds {result.total_vectors} passages where its files give {result.stored}; "
            "ingest once more.",
            service="chroma",
        )
