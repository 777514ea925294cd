"""Passages that were ingested in another home: their words are found here too."""

from __future__ import annotations

import pytest

from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry
from tasks.retrieval.indexed_collection import IndexedCollection
from tasks.retrieval.search import HybridSearch
from tasks.retrieval.words_elsewhere import LOOK_EVERY, catch_up

NAME = "persona.poe.works"
RAVEN = Entry("w1", "Quoth the Raven, Nevermore.")
ANNABEL = Entry("w2", "In a kingdom by the sea lived Annabel Lee.")


@pytest.fixture
async def there() -> IndexedCollection:
    """The collection and the words of the home that ingests."""
    vectors = await MemoryVectors().open(NAME, model=HashingEmbedder().name, dimension=HashingEmbedder().dimension)
    return IndexedCollection(vectors, MemoryKeywords())


@pytest.fixture
def here(there: IndexedCollection) -> IndexedCollection:
    """The same collection with the words of another home."""
    return IndexedCollection(there.vectors, MemoryKeywords())


async def put(collection: IndexedCollection, *entries: Entry) -> None:
    await collection.upsert(entries, await HashingEmbedder().embed([entry.text for entry in entries]))


async def words_of(collection: IndexedCollection) -> set[str]:
    return {one async for one in collection.keywords.ids(NAME)}


async def test_words_that_are_behind_are_made_good(there: IndexedCollection, here: IndexedCollection) -> None:
    await put(there, RAVEN, ANNABEL)
    mended = await catch_up(here, {})
    assert mended is not None and (mended.added, mended.removed) == (2, 0)
    assert await words_of(here) == {"w1", "w2"}


async def test_what_was_replaced_elsewhere_goes_with_the_next_that_is_new(
    there: IndexedCollection, here: IndexedCollection
) -> None:
    await put(there, RAVEN)
    await catch_up(here, {})
    await there.delete(["w1"])
    await put(there, ANNABEL)
    assert await catch_up(here, {}) is None
    await put(there, Entry("w3", "Once upon a midnight dreary"))
    await catch_up(here, {})
    assert await words_of(here) == {"w2", "w3"}


async def test_a_collection_is_looked_at_once_in_a_while(there: IndexedCollection, here: IndexedCollection) -> None:
    looked_at: dict[str, float] = {}
    assert await catch_up(here, looked_at) is None
    await put(there, RAVEN)
    assert await catch_up(here, looked_at) is None
    looked_at[NAME] -= LOOK_EVERY
    assert await catch_up(here, looked_at) is not None


async def test_an_ingestion_that_runs_here_is_not_disturbed(there: IndexedCollection) -> None:
    await put(there, RAVEN)
    await there.keywords.upsert(NAME, [ANNABEL])  # its words are written, its vector is on its way
    assert await catch_up(there, {}) is None
    assert await words_of(there) == {"w1", "w2"}


async def test_a_search_catches_up_before_it_looks() -> None:
    vectors, embedder = MemoryVectors(), HashingEmbedder()
    opened = await vectors.open(NAME, model=embedder.name, dimension=embedder.dimension)
    await put(IndexedCollection(opened, MemoryKeywords()), RAVEN, ANNABEL)
    search = HybridSearch(embedder, vectors, MemoryKeywords(), {})
    await search.search("Annabel", {"works": NAME})
    assert await search.keywords.count(NAME) == 2
