"""What unique indexes promise, and what happens when many write at once, the same in every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from spine.documents import INDEXES, JOBS, ensure_indexes
from spine.errors import DuplicateError, InvalidInputError
from spine.ports import Document, Documents

THINGS = "things"


async def put(store: Documents, **documents: Document) -> None:
    for id, document in documents.items():
        await store.insert(THINGS, {"_id": id, **document})


# -- indexes ---------------------------------------------------------------------------------------------------------


async def insert_taken(store: Documents) -> None:
    await store.insert(THINGS, {"_id": "b", "key": "taken"})


async def upsert_taken(store: Documents) -> None:
    await store.upsert(THINGS, {"_id": "b", "key": "taken"})


async def upsert_known_taken(store: Documents) -> None:
    await store.upsert(THINGS, {"_id": "c", "key": "taken"})


async def update_taken(store: Documents) -> None:
    await store.update(THINGS, {"_id": "c"}, set={"key": "taken"})


@pytest.mark.parametrize("write", [insert_taken, upsert_taken, upsert_known_taken, update_taken])
async def test_a_unique_key_is_stored_once(store: Documents, write: Callable[[Documents], Awaitable[None]]) -> None:
    await store.ensure_index(THINGS, ["key"], unique=True)
    await put(store, a={"key": "taken"}, c={"key": "other"})
    with pytest.raises(DuplicateError):
        await write(store)
    assert await store.find(THINGS) == [{"_id": "a", "key": "taken"}, {"_id": "c", "key": "other"}]


async def test_the_error_of_a_duplicate_says_which_key_was_taken(store: Documents) -> None:
    await store.ensure_index(THINGS, ["purpose", "version"], unique=True)
    await store.insert(THINGS, {"_id": "a", "purpose": "p", "version": 1})
    with pytest.raises(DuplicateError) as by_key:
        await store.insert(THINGS, {"_id": "b", "purpose": "p", "version": 1})
    with pytest.raises(DuplicateError) as by_id:
        await store.insert(THINGS, {"_id": "a"})
    assert by_key.value.details == {"collection": THINGS, "paths": ["purpose", "version"]}
    assert by_id.value.details == {"collection": THINGS, "paths": ["_id"]}


async def test_documents_without_the_first_path_are_not_held_against_a_unique_index(store: Documents) -> None:
    await store.ensure_index(THINGS, ["key", "n"], unique=True)
    await put(store, a={"n": 1}, b={"n": 1}, c={})
    assert await store.count(THINGS) == 3


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        pytest.param({"s": "a", "r": 1}, {"s": "a", "r": 2}, False, id="one path differs"),
        pytest.param({"s": "a", "r": 1}, {"s": "a", "r": 1.0}, True, id="1 is 1.0"),
        pytest.param({"s": "a", "r": 1}, {"s": "a", "r": True}, False, id="1 is not True"),
        pytest.param({"s": "a"}, {"s": "a", "r": None}, True, id="absent is null in a later path"),
        pytest.param({"s": None}, {"s": None}, True, id="null is a value in the first path"),
        pytest.param({"s": None}, {}, False, id="absent is not in the index"),
        pytest.param({"s": ""}, {"s": None}, False, id="empty text is not null"),
    ],
)
async def test_a_compound_unique_index_compares(store: Documents, one: Document, other: Document, clash: bool) -> None:
    await store.ensure_index(THINGS, ["s", "r"], unique=True)
    await put(store, a=one)
    if clash:
        with pytest.raises(DuplicateError):
            await put(store, b=other)
    else:
        await put(store, b=other)


async def test_a_key_is_free_again_when_its_document_is_gone_or_changed(store: Documents) -> None:
    await store.ensure_index(THINGS, ["key"], unique=True)
    await put(store, a={"key": "k"})
    await store.delete(THINGS, {"_id": "a"})
    await put(store, b={"key": "k"})
    await store.update(THINGS, {"_id": "b"}, unset=["key"])
    await put(store, c={"key": "k"})
    await store.upsert(THINGS, {"_id": "c", "key": "k", "n": 1})
    assert await store.get(THINGS, "c") == {"_id": "c", "key": "k", "n": 1}


async def test_a_unique_index_cannot_be_put_on_documents_that_break_it(store: Documents) -> None:
    await put(store, a={"key": "k"}, b={"key": "k"})
    with pytest.raises(DuplicateError):
        await store.ensure_index(THINGS, ["key"], unique=True)


async def test_an_index_needs_a_path(store: Documents) -> None:
    for paths in ([], ["a b"], [""]):
        with pytest.raises(InvalidInputError):
            await store.ensure_index(THINGS, paths)


async def test_the_indexes_of_all_collections_can_be_made_again_and_again(store: Documents) -> None:
    await ensure_indexes(store)
    await ensure_indexes(store)
    await store.insert(JOBS, {"_id": "a", "idempotency_key": "k"})
    with pytest.raises(DuplicateError):
        await store.insert(JOBS, {"_id": "b", "idempotency_key": "k"})
    assert {collection: await store.count(collection) for collection in INDEXES} == {
        collection: int(collection == JOBS) for collection in INDEXES
    }


# -- many at once ----------------------------------------------------------------------------------------------------


async def test_no_increment_is_lost_among_eight_tasks(store: Documents) -> None:
    await put(store, x={"n": 0})

    async def count_up() -> None:
        for _ in range(100):
            await store.update(THINGS, {"_id": "x"}, inc={"n": 1})

    await asyncio.gather(*(count_up() for _ in range(8)))
    assert await store.get(THINGS, "x") == {"_id": "x", "n": 800}


async def test_twenty_claimers_take_each_document_exactly_once(store: Documents) -> None:
    for n in range(200):
        await store.insert(THINGS, {"_id": f"x{n:03}", "status": "waiting", "created": n})
    taken: list[str] = []

    async def claim(claimer: int) -> None:
        while (
            mine := await store.update(
                THINGS, {"status": "waiting"}, set={"status": "taken", "by": claimer}, sort=[("created", 1)]
            )
        ) is not None:
            assert mine["by"] == claimer
            taken.append(mine["_id"])

    await asyncio.gather(*(claim(number) for number in range(20)))
    assert sorted(taken) == [f"x{n:03}" for n in range(200)]


async def test_of_many_inserts_with_one_key_one_wins(store: Documents) -> None:
    await store.ensure_index(THINGS, ["key"], unique=True)
    outcomes = await asyncio.gather(
        *(store.insert(THINGS, {"_id": f"x{n}", "key": "k"}) for n in range(20)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(DuplicateError) == 19
    assert await store.count(THINGS) == 1


async def test_many_first_upserts_of_one_document_all_succeed(store: Documents) -> None:
    await asyncio.gather(*(store.upsert(THINGS, {"_id": "x", "n": n}) for n in range(20)))
    assert await store.count(THINGS) == 1
