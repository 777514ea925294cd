"""A collection and its keyword index stay in step, whatever stops a write."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from spine.errors import ExternalServiceError
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry, Vector
from tasks.retrieval.indexed_collection import IndexedCollection, Mended

ENTRIES = [Entry(f"e{n}", f"text number {n}", {"start": n}) for n in range(5)]
EMBEDDER = HashingEmbedder(dimension=16)


@pytest.fixture
async def indexed() -> IndexedCollection:
    vectors = await MemoryVectors().open("persona.poe.works", model=EMBEDDER.name, dimension=16)
    return IndexedCollection(vectors, MemoryKeywords())


async def put(indexed: IndexedCollection, entries: Sequence[Entry] = ENTRIES) -> None:
    await indexed.upsert(entries, await EMBEDDER.embed([entry.text for entry in entries]))


async def ids_of(indexed: IndexedCollection) -> tuple[list[str], list[str]]:
    """Of the vectors and of the words."""
    stored = [one async for page in indexed.vectors.id_pages() for one in page]
    words = [one async for one in indexed.keywords.ids(indexed.vectors.name)]
    return sorted(stored), sorted(words)


async def test_what_is_stored_deleted_and_refreshed_is_so_on_both_sides(indexed: IndexedCollection) -> None:
    await put(indexed)
    await indexed.delete(["e0", "e1"])
    await indexed.refresh([Entry("e2", "moved elsewhere", {"start": 9})])
    assert await ids_of(indexed) == (["e2", "e3", "e4"], ["e2", "e3", "e4"])
    assert await indexed.vectors.get(["e2"]) == [Entry("e2", "moved elsewhere", {"start": 9})]
    assert [hit.id for hit in await indexed.keywords.search(indexed.vectors.name, "elsewhere", limit=5)] == ["e2"]


class Failing:
    """A stage that stops where the process would have died."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: object, method: str) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise ExternalServiceError("the process died here")

        monkeypatch.setattr(target, method, fail)


async def test_a_crash_between_the_two_writes_leaves_no_vector_without_its_words(
    indexed: IndexedCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Failing(patch, indexed.vectors, "upsert")
        with pytest.raises(ExternalServiceError):
            await put(indexed)
    stored, words = await ids_of(indexed)
    assert set(stored) <= set(words)
    await put(indexed)
    with monkeypatch.context() as patch:
        Failing(patch, indexed.keywords, "delete")
        with pytest.raises(ExternalServiceError):
            await indexed.delete(["e0"])
    stored, words = await ids_of(indexed)
    assert "e0" not in stored
    assert set(stored) <= set(words)


async def test_mending_makes_the_words_equal_to_the_vectors(indexed: IndexedCollection) -> None:
    await put(indexed)
    await indexed.keywords.delete(indexed.vectors.name, ["e0", "e1"])
    await indexed.keywords.upsert(indexed.vectors.name, [Entry("ghost", "nobody")])
    assert await indexed.mend() == Mended(added=2, removed=1, held=5)
    assert await ids_of(indexed) == (["e0", "e1", "e2", "e3", "e4"],) * 2
    assert await indexed.keywords.search(indexed.vectors.name, "number 0", limit=1)
    assert await indexed.mend() == Mended(added=0, removed=0, held=5)


async def test_a_lost_index_is_made_again_from_the_vectors(indexed: IndexedCollection) -> None:
    many = [Entry(f"m{n}", f"text {n}") for n in range(1500)]
    vector: Vector = [1.0] + [0.0] * 15
    await indexed.upsert(many, [vector] * len(many))
    lost = IndexedCollection(indexed.vectors, MemoryKeywords())
    assert await lost.mend() == Mended(added=1500, removed=0, held=1500)
