"""What every vector store promises: the same from memory and from a real Chroma server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from spine.adapters.chroma_vectors import ChromaVectors
from spine.errors import ExternalServiceError, InvalidInputError, NotFoundError
from spine.testing.chroma_server import chroma_server
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry, Vector, VectorCollection, VectorStore

MODEL = "test-model"
X, Y, Z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server of this run on a port of its own."""
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture(params=["memory", "chroma"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[VectorStore]:
    """A store of each kind; its collections are nobody else's as long as their names are new."""
    if request.param == "memory":
        yield MemoryVectors()
        return
    chroma = ChromaVectors(request.getfixturevalue("chroma_url"))
    yield chroma
    await chroma.close()


@pytest.fixture
def name() -> str:
    return f"contract.{uuid4().hex}"


@pytest.fixture
async def collection(store: VectorStore, name: str) -> AsyncIterator[VectorCollection]:
    yield await store.open(name, model=MODEL, dimension=3)
    await store.drop(name)


async def filled(collection: VectorCollection) -> VectorCollection:
    entries = [
        Entry("a", "first", {"work": "Emma", "start": 0, "good": True}),
        Entry("b", "second", {"work": "Emma", "start": 10, "share": 0.5}),
        Entry("c", "third", {"work": "Persuasion", "start": 20}),
    ]
    await collection.upsert(entries, [X, Y, Z])
    return collection


async def ids(collection: VectorCollection, size: int = 2000) -> list[str]:
    pages = [page async for page in collection.id_pages(size)]
    assert all(0 < len(page) <= size for page in pages)
    return sorted(one for page in pages for one in page)


async def test_an_entry_comes_back_as_it_was_stored(collection: VectorCollection) -> None:
    entry = Entry(
        "x", "Ünï 漢字 🦀\nline", {"text": "ș", "number": -3, "real": 2.5, "whole": 1.0, "yes": True, "no": False}
    )
    await collection.upsert([entry], [X])
    [found] = await collection.get(["x"])
    assert found == entry
    assert {key: type(value) for key, value in found.metadata.items()} == {
        key: type(value) for key, value in entry.metadata.items()
    }


async def test_an_entry_may_have_no_metadata_and_an_empty_text(collection: VectorCollection) -> None:
    await collection.upsert([Entry("x", "")], [X])
    assert await collection.get(["x"]) == [Entry("x", "")]


async def test_a_vector_comes_back_as_it_was_stored(collection: VectorCollection) -> None:
    vector = [0.6, 0.8, 0.0]
    await collection.upsert([Entry("x", "t")], [vector])
    stored = await collection.vectors(["x", "unknown"])
    assert list(stored) == ["x"]
    assert stored["x"] == pytest.approx(vector, abs=1e-6)


async def test_get_keeps_the_order_asked_for_and_passes_over_what_is_not_there(collection: VectorCollection) -> None:
    await filled(collection)
    assert [entry.id for entry in await collection.get(["c", "nobody", "a"])] == ["c", "a"]
    assert await collection.get([]) == []


async def test_upsert_replaces_the_whole_entry(collection: VectorCollection) -> None:
    await filled(collection)
    await collection.upsert([Entry("a", "new", {"section": "1"})], [Y])
    assert await collection.get(["a"]) == [Entry("a", "new", {"section": "1"})]
    assert (await collection.vectors(["a"]))["a"] == Y
    await collection.upsert([Entry("a", "newer")], [Y])
    assert await collection.get(["a"]) == [Entry("a", "newer")]
    assert await collection.count() == 3


async def test_an_upsert_done_twice_is_done_once(collection: VectorCollection) -> None:
    await filled(collection)
    await filled(collection)
    assert await ids(collection) == ["a", "b", "c"]
    assert await collection.count() == 3


async def test_add_stores_what_is_not_there_and_leaves_what_is(collection: VectorCollection) -> None:
    await filled(collection)
    await collection.add([Entry("a", "other", {"section": "1"}), Entry("d", "fourth", {"start": 30})], [Z, Y])
    assert await collection.get(["a", "d"]) == [
        Entry("a", "first", {"work": "Emma", "start": 0, "good": True}),
        Entry("d", "fourth", {"start": 30}),
    ]
    assert await collection.vectors(["a", "d"]) == {"a": X, "d": Y}
    assert [near.entry.id for near in await collection.query(X, limit=1)] == ["a"]
    assert await collection.count() == 4
    with pytest.raises(InvalidInputError):
        await collection.add([Entry("e", "fifth")], [[1.0, 0.0]])


async def test_refresh_replaces_text_and_metadata_of_what_is_there_and_leaves_its_vector(
    collection: VectorCollection,
) -> None:
    await filled(collection)
    await collection.refresh([Entry("a", "new", {"start": 7}), Entry("nobody", "t", {"start": 1})])
    assert await collection.get(["a", "nobody"]) == [Entry("a", "new", {"start": 7})]
    assert (await collection.vectors(["a"]))["a"] == X
    assert await collection.count() == 3


async def test_delete_removes_entries_and_passes_over_unknown_ids(collection: VectorCollection) -> None:
    await filled(collection)
    await collection.delete(["a", "nobody"])
    await collection.delete([])
    assert await ids(collection) == ["b", "c"]
    assert [near.entry.id for near in await collection.query(X, limit=3)] != ["a"]
    assert await collection.count() == 2


async def test_the_pages_of_ids_name_every_entry_once_whatever_their_size(collection: VectorCollection) -> None:
    entries = [Entry(f"{n:04}", "t", {"n": n}) for n in range(1203)]
    await collection.upsert(entries, [X] * len(entries))
    for size in (100, 401, 1203, 5000):
        assert await ids(collection, size) == [entry.id for entry in entries]
    assert len(await collection.get([entry.id for entry in entries])) == 1203
    await collection.delete([entry.id for entry in entries])
    assert await collection.count() == 0


async def test_a_query_gives_the_nearest_first_with_their_cosine(collection: VectorCollection) -> None:
    await filled(collection)
    found = await collection.query([0.6, 0.8, 0.0], limit=2)
    assert [near.entry for near in found] == await collection.get(["b", "a"])
    assert [near.similarity for near in found] == pytest.approx([0.8, 0.6], abs=1e-5)


async def test_the_length_of_a_vector_does_not_matter_to_a_query(collection: VectorCollection) -> None:
    await collection.upsert([Entry("long", "t"), Entry("near", "t")], [[0.0, 9.0, 0.0], [0.5, 0.1, 0.0]])
    assert [near.entry.id for near in await collection.query([3.0, 0.0, 0.0], limit=2)] == ["near", "long"]


async def test_an_empty_collection_answers_with_nothing(collection: VectorCollection) -> None:
    assert await collection.query(X, limit=5) == []
    assert await ids(collection) == []
    assert await collection.vectors([]) == {}


FILTERS: list[tuple[str, dict[str, Any], str]] = [
    ("equal text", {"work": "Emma"}, "ab"),
    ("equal number", {"start": 10}, "b"),
    ("10 equals 10.0", {"start": 10.0}, "b"),
    ("equal boolean", {"good": True}, "a"),
    ("1 is not True", {"good": 1}, ""),
    ("True is not a number", {"start": True}, ""),
    ("text is not a number", {"start": "10"}, ""),
    ("absent key", {"nothing": 1}, ""),
    ("all must hold", {"work": "Emma", "start": 0}, "a"),
    ("$eq", {"work": {"$eq": "Persuasion"}}, "c"),
    ("$in", {"start": {"$in": [0, 20, 99]}}, "ac"),
    ("$in of 20 and 0.0", {"start": {"$in": [20, 0.0]}}, "ac"),
    ("$in nothing", {"start": {"$in": []}}, ""),
    ("$gt", {"start": {"$gt": 10}}, "c"),
    ("$gte", {"start": {"$gte": 10}}, "bc"),
    ("$lt", {"start": {"$lt": 11.0}}, "ab"),
    ("$lte", {"share": {"$lte": 1}}, "b"),
    ("between", {"start": {"$gte": 1, "$lt": 20}}, "b"),
    ("range of a text", {"work": {"$gt": 1}}, ""),
    ("no filter", {}, "abc"),
]


@pytest.mark.parametrize(("where", "expected"), [case[1:] for case in FILTERS], ids=[case[0] for case in FILTERS])
async def test_a_filter_matches(collection: VectorCollection, where: dict[str, Any], expected: str) -> None:
    await filled(collection)
    assert [entry.id for entry in await collection.get(["a", "b", "c"], where)] == list(expected)
    found = await collection.query([0.9, 0.5, 0.1], limit=5, where=where)
    assert [near.entry.id for near in found] == list(expected)


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"start": {"$near": 1}}, id="unknown operator"),
        pytest.param({"work": {"$gt": "A"}}, id="range by text"),
        pytest.param({"work": {"$in": "Emma"}}, id="$in of a text"),
        pytest.param({"work": {"$in": ["Emma", 1]}}, id="$in of two kinds"),
        pytest.param({"work": None}, id="None"),
        pytest.param({"$or": [{"work": "Emma"}]}, id="operator for a key"),
        pytest.param({"start": float("nan")}, id="NaN"),
        pytest.param({"share": 0.5}, id="number that is not whole"),
        pytest.param({"share": {"$lt": 0.7}}, id="range to a number that is not whole"),
    ],
)
async def test_a_filter_that_not_every_store_can_answer_is_refused(collection: VectorCollection, where: Any) -> None:
    await filled(collection)
    with pytest.raises(InvalidInputError):
        await collection.query(X, limit=1, where=where)
    with pytest.raises(InvalidInputError):
        await collection.get(["a"], where)


@pytest.mark.parametrize(
    ("entries", "vectors"),
    [
        pytest.param([Entry("x", "t")], [[1.0, 0.0]], id="vector too short"),
        pytest.param([Entry("x", "t")], [[math.nan, 0.0, 0.0]], id="NaN in a vector"),
        pytest.param([Entry("x", "t")], [[math.inf, -math.inf, 0.0]], id="infinity in a vector"),
        pytest.param([Entry("x", "t")], [], id="no vector"),
        pytest.param([Entry("x", "t"), Entry("x", "u")], [X, Y], id="an id twice"),
        pytest.param([Entry("", "t")], [X], id="empty id"),
        pytest.param([Entry("x", "t", {"list": [1]})], [X], id="list in metadata"),  # pyright: ignore[reportArgumentType]
        pytest.param([Entry("x", "t", {"none": None})], [X], id="None in metadata"),  # pyright: ignore[reportArgumentType]
        pytest.param([Entry("x", "t", {"real": math.inf})], [X], id="infinity in metadata"),
        pytest.param([Entry("x", "t", {"large": 2**63})], [X], id="more than 64 bits"),
        pytest.param([Entry("x", "t", {"$key": 1})], [X], id="operator for a key"),
    ],
)
async def test_what_not_every_store_can_hold_is_refused_and_nothing_is_stored(
    collection: VectorCollection, entries: list[Entry], vectors: list[Vector]
) -> None:
    with pytest.raises(InvalidInputError):
        await collection.upsert(entries, vectors)
    assert await collection.count() == 0


async def test_a_query_of_another_dimension_is_refused(collection: VectorCollection) -> None:
    with pytest.raises(InvalidInputError, match="2 values"):
        await collection.query([1.0, 0.0], limit=1)


async def test_a_collection_keeps_its_model_and_refuses_another(
    store: VectorStore, collection: VectorCollection
) -> None:
    again = await store.open(collection.name, model=MODEL, dimension=3)
    assert (again.name, again.model, again.dimension) == (collection.name, MODEL, 3)
    with pytest.raises(InvalidInputError, match="holds vectors of test-model"):
        await store.open(collection.name, model="other-model", dimension=3)
    with pytest.raises(InvalidInputError, match="3 dimensions"):
        await store.open(collection.name, model=MODEL, dimension=4)
    found = await store.find(collection.name)
    assert found is not None
    assert (found.model, found.dimension) == (MODEL, 3)


async def test_a_collection_that_is_not_there_is_none(store: VectorStore, name: str) -> None:
    assert await store.find(name) is None
    await store.drop(name)


async def test_a_dropped_collection_is_gone_with_its_entries(store: VectorStore, name: str) -> None:
    collection = await filled(await store.open(name, model=MODEL, dimension=3))
    await store.drop(name)
    with pytest.raises(NotFoundError):
        await collection.count()
    with pytest.raises(NotFoundError):
        await filled(collection)
    anew = await store.open(name, model="another-model", dimension=5)
    assert await anew.count() == 0
    await store.drop(name)


async def test_names_are_listed_by_prefix(store: VectorStore, name: str) -> None:
    for ending in ("b", "a"):
        await store.open(f"{name}.{ending}", model=MODEL, dimension=3)
    assert await store.names(f"{name}.") == [f"{name}.a", f"{name}.b"]
    assert f"{name}.a" in await store.names()
    for ending in ("b", "a"):
        await store.drop(f"{name}.{ending}")


@pytest.mark.parametrize("bad", ["", "ab", "-abc", "abc.", "a b c", "ab/c", "x" * 513, "naïve"])
async def test_a_name_that_is_none_is_refused(store: VectorStore, bad: str) -> None:
    with pytest.raises(InvalidInputError, match="no name for a collection"):
        await store.open(bad, model=MODEL, dimension=3)
    with pytest.raises(InvalidInputError):
        await store.find(bad)


async def test_many_may_open_and_write_at_once(store: VectorStore, name: str) -> None:
    async def write(part: int) -> None:
        collection = await store.open(name, model=MODEL, dimension=3)
        entries = [Entry(f"{part}-{n}", "t", {"part": part}) for n in range(20)]
        await collection.upsert(entries, [X] * 20)

    await asyncio.gather(*(write(part) for part in range(8)))
    found = await store.find(name)
    assert found is not None
    assert await found.count() == 160
    await store.drop(name)


async def test_a_store_that_answers_answers_a_ping(store: VectorStore) -> None:
    await store.ping()


async def test_a_chroma_server_that_is_away_is_a_passing_fault(free_port: int) -> None:
    away = ChromaVectors(f"http://127.0.0.1:{free_port}")
    for call in (away.ping(), away.open("abc", model=MODEL, dimension=3), away.find("abc")):
        with pytest.raises(ExternalServiceError, match="MILLRACE_CHROMA_URL"):
            await call
    await away.close()


async def test_a_collection_that_something_else_made_is_not_taken_for_ours(chroma_url: str, name: str) -> None:
    database = f"{chroma_url}/api/v2/tenants/default_tenant/databases/default_database"
    httpx.post(f"{database}/collections", json={"name": name}).raise_for_status()
    store = ChromaVectors(chroma_url)
    with pytest.raises(InvalidInputError, match="an unnamed model"):
        await store.open(name, model=MODEL, dimension=3)
    await store.drop(name)
    await store.close()
