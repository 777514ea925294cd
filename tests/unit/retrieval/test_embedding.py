"""The pipeline that reads, embeds and stores at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

import pytest

from spine.errors import ExternalServiceError, RateLimitError
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry, Vector
from tasks.retrieval.ahead import ahead, batches
from tasks.retrieval.embedding import embed_and_store
from tasks.retrieval.indexed_collection import IndexedCollection

ENTRIES = [Entry(f"{n:03}", f"text {n}", {"n": n}) for n in range(50)]


@pytest.fixture
async def collection() -> IndexedCollection:
    vectors = await MemoryVectors().open("persona.poe.works", model=HashingEmbedder().name, dimension=64)
    return IndexedCollection(vectors, MemoryKeywords())


async def counted(items: int, taken: list[int]) -> AsyncGenerator[int]:
    for number in range(items):
        taken.append(number)
        yield number
        await asyncio.sleep(0)


async def test_every_entry_is_stored_under_the_vector_of_its_text(collection: IndexedCollection) -> None:
    embedder = HashingEmbedder()
    assert await embed_and_store(batches(iter(ENTRIES), 7), embedder, collection) == 50
    assert await collection.vectors.get([entry.id for entry in ENTRIES]) == ENTRIES
    assert (await collection.vectors.vectors(["003"]))["003"] == (await embedder.embed(["text 3"]))[0]
    assert await collection.keywords.count("persona.poe.works") == 50


async def test_each_batch_is_told_once_it_is_stored(collection: IndexedCollection) -> None:
    told: list[int] = []

    async def on_stored(batch: Sequence[Entry]) -> None:
        assert await collection.vectors.get([entry.id for entry in batch]) == list(batch)
        told.append(len(batch))

    await embed_and_store(batches(ENTRIES, 20), HashingEmbedder(), collection, on_stored)
    assert told == [20, 20, 10]


async def test_nothing_to_embed_is_nothing_stored(collection: IndexedCollection) -> None:
    assert await embed_and_store(batches([], 20), HashingEmbedder(), collection) == 0


class Watched(HashingEmbedder):
    """Tells when it begins a batch, and waits for permission to end it."""

    def __init__(self, at_batch: Callable[[int], None]) -> None:
        super().__init__()
        self.batches = 0
        self._at_batch = at_batch

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.batches += 1
        self._at_batch(self.batches)
        return await super().embed(texts)


async def test_a_batch_is_embedded_while_the_one_before_it_is_stored(collection: IndexedCollection) -> None:
    """The first batch is held in its store until the model has begun the second; one after the other would hang."""
    second_began = asyncio.Event()
    embedder = Watched(lambda batch: second_began.set() if batch == 2 else None)

    async def on_stored(batch: Sequence[Entry]) -> None:
        await asyncio.wait_for(second_began.wait(), 5)

    assert await embed_and_store(batches(ENTRIES, 25), embedder, collection, on_stored) == 50


async def test_reading_runs_a_bounded_number_of_batches_ahead(collection: IndexedCollection) -> None:
    read, stored = 0, 0
    furthest = 0

    def source() -> Iterator[Entry]:
        nonlocal read, furthest
        for entry in ENTRIES:
            read += 1
            furthest = max(furthest, read - stored)
            yield entry

    async def on_stored(batch: Sequence[Entry]) -> None:
        nonlocal stored
        await asyncio.sleep(0.002)
        stored += len(batch)

    await embed_and_store(batches(source(), 1), HashingEmbedder(), collection, on_stored)
    assert furthest <= 6


async def test_reading_is_kept_off_the_event_loop() -> None:
    threads: set[int] = set()

    def source() -> Iterator[int]:
        for number in range(4):
            threads.add(threading.get_ident())
            yield number

    async with aclosing(batches(source(), 2)) as found:
        assert [batch async for batch in found] == [[0, 1], [2, 3]]
    assert threading.get_ident() not in threads


SIZES = [
    ("doubles, and halves at the end", 30, 8, 2, [2, 4, 8, 8, 4, 2, 2]),
    ("the last full list and the rest are halved together", 24, 8, 2, [2, 4, 8, 5, 2, 3]),
    ("ends while it doubles", 9, 8, 2, [2, 4, 3]),
    ("fewer than the first", 1, 8, 2, [1]),
    ("a size below the first", 5, 2, 8, [2, 2, 1]),
    ("nothing", 0, 8, 2, []),
]


@pytest.mark.parametrize(
    ("items", "size", "first", "expected"), [case[1:] for case in SIZES], ids=[c[0] for c in SIZES]
)
async def test_batches_that_begin_small_end_small(items: int, size: int, first: int, expected: list[int]) -> None:
    async with aclosing(batches(range(items), size, first=first)) as found:
        made = [batch async for batch in found]
    assert [len(batch) for batch in made] == expected
    assert [item for batch in made for item in batch] == list(range(items))


async def test_the_model_has_the_next_batch_before_it_ends_one(collection: IndexedCollection) -> None:
    """The first batch ends only when the second has come; one after the other would hang."""
    second_came = asyncio.Event()

    class Overlapping(HashingEmbedder):
        async def embed(self, texts: Sequence[str]) -> list[Vector]:
            if "text 0" in texts:
                await asyncio.wait_for(second_came.wait(), 5)
            else:
                second_came.set()
                await asyncio.sleep(0.01)  # the source has ended meanwhile
            return await super().embed(texts)

    assert await embed_and_store(batches(ENTRIES, 25), Overlapping(), collection) == 50
    assert await collection.vectors.count() == 50


async def test_an_error_of_the_model_ends_the_run_and_what_was_stored_stays(collection: IndexedCollection) -> None:
    def fail_third(batch: int) -> None:
        if batch == 3:
            raise RateLimitError(retry_after=1.0)

    with pytest.raises(RateLimitError):
        await embed_and_store(batches(ENTRIES, 10), Watched(fail_third), collection)
    assert await collection.vectors.count() == 20


async def test_an_error_while_reading_comes_out_after_what_was_read_is_stored(collection: IndexedCollection) -> None:
    def source() -> Iterator[Entry]:
        yield from ENTRIES[:20]
        raise ValueError("line 7")

    with pytest.raises(ValueError, match="line 7"):
        await embed_and_store(batches(source(), 10), HashingEmbedder(), collection)
    assert await collection.vectors.count() == 20


async def test_an_error_of_the_callback_ends_reading_too(collection: IndexedCollection) -> None:
    closed = False

    async def source() -> AsyncGenerator[list[Entry]]:
        nonlocal closed
        try:
            while True:
                yield [ENTRIES[0]]
        finally:
            closed = True

    async def on_stored(batch: Sequence[Entry]) -> None:
        raise ExternalServiceError("stop")

    with pytest.raises(ExternalServiceError):
        await embed_and_store(source(), HashingEmbedder(), collection, on_stored)
    assert closed


async def test_a_cancelled_run_leaves_nothing_running(collection: IndexedCollection) -> None:
    class Hanging(HashingEmbedder):
        async def embed(self, texts: Sequence[str]) -> list[Vector]:
            began.set()
            await asyncio.Event().wait()
            raise AssertionError

    began = asyncio.Event()
    before = asyncio.all_tasks()
    run = asyncio.create_task(embed_and_store(batches(ENTRIES, 10), Hanging(), collection))
    await began.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert asyncio.all_tasks() == before


async def test_one_item_is_always_in_the_making_and_no_more() -> None:
    taken: list[int] = []
    async with aclosing(ahead(counted(10, taken))) as items:
        async for item in items:
            await asyncio.sleep(0.01)
            assert taken == list(range(min(item + 2, 10)))
    assert len(taken) == 10


async def test_a_cancellation_inside_the_source_is_no_hang() -> None:
    async def source() -> AsyncGenerator[int]:
        yield 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        async with aclosing(ahead(source())) as items:
            async for _ in items:
                pass
