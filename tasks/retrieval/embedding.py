"""Embeds new entries and stores them, both at once: while one batch is written the next two are in the model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

from spine.vectors_port import Embedder, Entry, Vector
from tasks.retrieval.ahead import ahead
from tasks.retrieval.indexed_collection import IndexedCollection

BATCH: Final = 256
"""Entries per write: Chroma's work for an entry falls by a third from 64 to 256. A crash loses three such batches."""

Stored = Callable[[Sequence[Entry]], Awaitable[None]]


async def embed_and_store(
    incoming: AsyncGenerator[list[Entry]],
    embedder: Embedder,
    collection: IndexedCollection,
    on_stored: Stored | None = None,
) -> int:
    """Embed and store every batch of entries that are new to the collection; how many were stored.

    Reading, embedding and storing overlap, with one batch waiting before each, and the model has the next batch when
    it comes to the end of one, so that no core waits: memory does not grow with the corpus.
    `on_stored` is awaited after each batch that is durable. When it, a store or the embedder raises, or the caller is
    cancelled, what is in the making is given up, what was stored stays, and `incoming` is closed.
    """
    stored = 0
    async with aclosing(ahead(_embedded(incoming, embedder))) as finished:
        async for batch, vectors in finished:
            await collection.add(batch, vectors)
            stored += len(batch)
            if on_stored is not None:
                await on_stored(batch)
    return stored


async def _embedded(
    incoming: AsyncGenerator[list[Entry]], embedder: Embedder
) -> AsyncGenerator[tuple[list[Entry], list[Vector]]]:
    made = deque[asyncio.Task[list[Vector]]](maxlen=2)  # one is waited for, and the one after it

    async def begun() -> AsyncGenerator[tuple[list[Entry], asyncio.Task[list[Vector]]]]:
        async with aclosing(ahead(incoming)) as batches:
            async for batch in batches:
                if batch:
                    made.append(asyncio.create_task(embedder.embed([entry.text for entry in batch])))
                    yield batch, made[-1]

    try:
        async with aclosing(ahead(begun())) as under_way:
            async for batch, vectors in under_way:
                yield batch, await vectors
    finally:
        for vectors in made:
            vectors.cancel()
        await asyncio.gather(*made, return_exceptions=True)
