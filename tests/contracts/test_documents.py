"""What every document store promises about storing: the same from memory, SQLite and MongoDB, corners included."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from spine.errors import DuplicateError, InvalidInputError
from spine.ports import Document, Documents

THINGS = "things"


EVERYTHING: Document = {
    "_id": "x",
    "text": "Ünïcödé 漢字 🦀 \u2028 \"'; DROP TABLE things; --",
    "empty": "",
    "nul": "a\0b",
    "number": 3,
    "large": 2**62,
    "real": 2.5,
    "whole_real": 1.0,
    "yes": True,
    "no": False,
    "nothing": None,
    "object": {"b": 1, "a": {"deep": [1, {"x": None}]}, "ключ": 1, "with space": 2, 'quote"d': 3},
    "list": [1, "two", [3], {"four": 4}],
    "empty_object": {},
    "empty_list": [],
}


async def test_a_document_comes_back_as_it_was_stored(store: Documents) -> None:
    await store.insert(THINGS, EVERYTHING)
    found = await store.get(THINGS, "x")
    assert found == EVERYTHING
    assert [type(value) for value in found.values()] == [type(value) for value in EVERYTHING.values()]


async def test_a_document_that_is_not_there_is_none(store: Documents) -> None:
    assert await store.get(THINGS, "x") is None
    assert await store.find(THINGS) == []
    assert await store.count(THINGS) == 0


async def test_an_id_is_made_for_a_document_without_one(store: Documents) -> None:
    made = [await store.insert(THINGS, {"n": n}) for n in range(2)]
    assert len(set(made)) == 2
    assert await store.get(THINGS, made[1]) == {"_id": made[1], "n": 1}


async def test_inserting_a_known_id_is_refused_and_changes_nothing(store: Documents) -> None:
    await store.insert(THINGS, {"_id": "x", "n": 1})
    with pytest.raises(DuplicateError):
        await store.insert(THINGS, {"_id": "x", "n": 2})
    assert await store.get(THINGS, "x") == {"_id": "x", "n": 1}


async def test_upsert_replaces_the_whole_document(store: Documents) -> None:
    await store.upsert(THINGS, {"_id": "x", "n": 1, "old": True})
    await store.upsert(THINGS, {"_id": "x", "n": 2})
    assert await store.find(THINGS) == [{"_id": "x", "n": 2}]


async def test_collections_do_not_see_each_other(store: Documents) -> None:
    await store.insert("things", {"_id": "x"})
    await store.insert("others", {"_id": "x", "n": 1})
    assert await store.delete("things", {}) == 1
    assert await store.get("others", "x") == {"_id": "x", "n": 1}


async def test_what_a_caller_does_to_its_document_does_not_reach_the_store(store: Documents) -> None:
    given: Document = {"_id": "x", "list": [1]}
    await store.insert(THINGS, given)
    given["list"].append(2)
    found = await store.get(THINGS, "x")
    assert found is not None
    found["list"].append(3)
    changed = await store.update(THINGS, {"_id": "x"}, set={"n": 1})
    assert changed is not None
    changed["list"].append(4)
    assert await store.get(THINGS, "x") == {"_id": "x", "list": [1], "n": 1}


async def test_insert_leaves_the_callers_document_without_an_id(store: Documents) -> None:
    given: Document = {"n": 1}
    await store.insert(THINGS, given)
    assert given == {"n": 1}


async def test_a_document_of_a_megabyte_is_stored_changed_and_found(store: Documents) -> None:
    text = "Wörter " * 150_000
    await store.insert(THINGS, {"_id": "x", "text": text, "n": 1})
    changed = await store.update(THINGS, {"n": 1}, inc={"n": 1})
    assert changed == {"_id": "x", "text": text, "n": 2}
    assert await store.get(THINGS, "x") == changed


async def test_a_document_beyond_16_mib_is_refused(store: Documents) -> None:
    with pytest.raises(InvalidInputError):
        await store.insert(THINGS, {"_id": "x", "text": "x" * (16 * 1024 * 1024 + 1)})
    assert await store.count(THINGS) == 0


class Colour(StrEnum):
    RED = "red"


async def test_enum_members_and_tuples_are_stored_as_what_they_stand_for(store: Documents) -> None:
    await store.insert(THINGS, {"_id": "x", "colour": Colour.RED, "pair": (1, 2)})
    assert await store.find(THINGS, {"colour": {"$in": frozenset({Colour.RED})}}) == [
        {"_id": "x", "colour": "red", "pair": [1, 2]}
    ]


def too_deep() -> Document:
    value: Document = {}
    for _ in range(100):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"a.b": 1}, id="dotted key"),
        pytest.param({"a": [{"b.c": 1}]}, id="dotted key inside a list"),
        pytest.param({"$set": 1}, id="dollar key"),
        pytest.param({"a": {"$gt": 1}}, id="dollar key inside"),
        pytest.param({"a\0": 1}, id="NUL in a key"),
        pytest.param({"a": {1: 1}}, id="key that is a number"),
        pytest.param({"a": float("nan")}, id="NaN"),
        pytest.param({"a": float("inf")}, id="infinity"),
        pytest.param({"a": 2**63}, id="more than 64 bits"),
        pytest.param({"a": "\ud800"}, id="half a surrogate pair"),
        pytest.param({"a": {1, 2}}, id="set"),
        pytest.param({"a": b"bytes"}, id="bytes"),
        pytest.param({"a": too_deep()}, id="too deep"),
        pytest.param({"_id": 5}, id="id that is a number"),
        pytest.param({"_id": ""}, id="empty id"),
    ],
)
async def test_a_document_that_not_every_store_can_hold_is_refused(store: Documents, document: Any) -> None:
    with pytest.raises(InvalidInputError):
        await store.insert(THINGS, document)
    with pytest.raises(InvalidInputError):
        await store.upsert(THINGS, {"_id": "x", **document})
    assert await store.count(THINGS) == 0


async def test_upsert_needs_an_id(store: Documents) -> None:
    with pytest.raises(InvalidInputError):
        await store.upsert(THINGS, {"n": 1})


@pytest.mark.parametrize("name", ["", "Things", "1st", "system.x", "a b", 'a"; DROP TABLE x; --', "a$b", "x" * 70])
async def test_a_name_that_is_no_collection_is_refused(store: Documents, name: str) -> None:
    with pytest.raises(InvalidInputError):
        await store.insert(name, {"n": 1})
    with pytest.raises(InvalidInputError):
        await store.find(name)


async def test_a_store_that_works_answers_a_ping(store: Documents) -> None:
    await store.ping()


async def test_closing_twice_is_harmless(store: Documents) -> None:
    await store.insert(THINGS, {"n": 1})
    await store.close()
    await store.close()
