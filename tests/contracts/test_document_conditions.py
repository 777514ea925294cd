"""Which documents every store finds for a condition, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from spine.errors import InvalidInputError
from spine.ports import Document, Documents

THINGS = "things"


async def ids(store: Documents, where: Any = None, **options: Any) -> list[str]:
    return [document["_id"] for document in await store.find(THINGS, where, **options)]


async def put(store: Documents, **documents: Document) -> None:
    for id, document in documents.items():
        await store.insert(THINGS, {"_id": id, **document})


# -- conditions ------------------------------------------------------------------------------------------------------

ZOO: dict[str, Document] = {
    "absent": {},
    "null": {"v": None},
    "zero": {"v": 0},
    "one": {"v": 1},
    "one_real": {"v": 1.0},
    "two_half": {"v": 2.5},
    "false": {"v": False},
    "true": {"v": True},
    "empty": {"v": ""},
    "text": {"v": "text"},
    "text_one": {"v": "1"},
    "object": {"v": {"a": 1, "b": {"c": [1, None]}}},
    "swapped": {"v": {"b": {"c": [1, None]}, "a": 1}},
    "list": {"v": [[1, 2]]},
    "empty_list": {"v": []},
}


def but(*excluded: str) -> set[str]:
    return set(ZOO) - set(excluded)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # nothing
        pytest.param(None, {"absent", "null"}, id="None matches null and absent"),
        pytest.param({"$ne": None}, but("absent", "null"), id="not None"),
        pytest.param({"$exists": True}, but("absent"), id="null exists"),
        pytest.param({"$exists": False}, {"absent"}, id="only absent does not exist"),
        # numbers and booleans
        pytest.param(0, {"zero"}, id="0 is not False"),
        pytest.param(1, {"one", "one_real"}, id="1 equals 1.0 and not True"),
        pytest.param(1.0, {"one", "one_real"}, id="1.0 equals 1"),
        pytest.param(True, {"true"}, id="True is not 1"),
        pytest.param(False, {"false"}, id="False is not 0"),
        # texts
        pytest.param("", {"empty"}, id="empty text is not null"),
        pytest.param("1", {"text_one"}, id="text 1 is not the number"),
        pytest.param("TEXT", set[str](), id="case matters"),
        # objects and lists
        pytest.param({"a": 1.0, "b": {"c": [1, None]}}, {"object"}, id="objects equal in order, 1 equals 1.0"),
        pytest.param({"a": 1}, set[str](), id="part of an object is not equal"),
        pytest.param({"a": True, "b": {"c": [1, None]}}, set[str](), id="True is not 1 inside either"),
        pytest.param([[1, 2]], {"list"}, id="equal list"),
        pytest.param([], {"empty_list"}, id="empty list"),
        # negations match what lacks the path
        pytest.param({"$ne": 1}, but("one", "one_real"), id="$ne matches absent and null"),
        pytest.param({"$ne": True}, but("true"), id="$ne True matches 1"),
        pytest.param({"$ne": {"a": 1, "b": {"c": [1, None]}}}, but("object"), id="$ne of an object"),
        pytest.param({"$nin": [1, "text"]}, but("one", "one_real", "text"), id="$nin matches absent and null"),
        pytest.param({"$nin": [None, 1]}, but("absent", "null", "one", "one_real"), id="$nin with None"),
        pytest.param({"$nin": []}, set(ZOO), id="$nin of nothing"),
        # lists of values
        pytest.param({"$in": [0, "text", True]}, {"zero", "text", "true"}, id="$in of mixed types"),
        pytest.param({"$in": [None, 2.5]}, {"absent", "null", "two_half"}, id="$in with None"),
        pytest.param(
            {"$in": [{"b": {"c": [1, None]}, "a": 1}, ""]}, {"swapped", "empty"}, id="$in with an object and a text"
        ),
        pytest.param({"$in": []}, set[str](), id="$in of nothing"),
        # ranges stay inside the operand's type
        pytest.param({"$gt": 0}, {"one", "one_real", "two_half"}, id="$gt number"),
        pytest.param({"$gte": 0}, {"zero", "one", "one_real", "two_half"}, id="$gte number"),
        pytest.param({"$lt": 1}, {"zero"}, id="$lt number leaves null and booleans out"),
        pytest.param({"$lte": 2.5}, {"zero", "one", "one_real", "two_half"}, id="$lte number"),
        pytest.param({"$gt": ""}, {"text", "text_one"}, id="$gt text"),
        pytest.param({"$gte": ""}, {"empty", "text", "text_one"}, id="$gte text"),
        pytest.param({"$lt": "text"}, {"empty", "text_one"}, id="$lt text leaves numbers out"),
        pytest.param({"$gt": 0, "$lt": 2}, {"one", "one_real"}, id="between"),
        pytest.param({"$gte": False}, {"false", "true"}, id="$gte boolean"),
        pytest.param({"$lt": True}, {"false"}, id="$lt boolean leaves 0 out"),
        pytest.param({"$gt": 0, "$ne": 1}, {"two_half"}, id="all operators must hold"),
    ],
)
async def test_a_condition_matches(store: Documents, condition: Any, expected: set[str]) -> None:
    await put(store, **ZOO)
    assert set(await ids(store, {"v": condition})) == expected
    assert await store.count(THINGS, {"v": condition}) == len(expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param({}, ["a", "b", "c", "d"], id="no condition"),
        pytest.param({"_id": "b"}, ["b"], id="by id"),
        pytest.param({"_id": {"$in": ["c", "a", "z"]}}, ["a", "c"], id="by ids"),
        pytest.param({"_id": {"$gt": "b"}}, ["c", "d"], id="ids beyond"),
        pytest.param({"_id": 5}, [], id="a number is no id"),
        pytest.param({"_id": {"$exists": True}}, ["a", "b", "c", "d"], id="every document has an id"),
        pytest.param({"error.class": "Timeout"}, ["a"], id="inside an object"),
        pytest.param({"error.class": None}, ["b", "c", "d"], id="no object to look into"),
        pytest.param({"error.class": {"$ne": "Timeout"}}, ["b", "c", "d"], id="$ne inside an object"),
        pytest.param({"error.class": "Timeout", "n": 2}, [], id="all paths must match"),
        pytest.param({"error.class": None, "n": {"$gte": 2}}, ["b", "c"], id="two paths"),
        pytest.param({"stages.link:2-a_b": 1}, ["d"], id="a path with a colon and a hyphen"),
    ],
)
async def test_conditions_on_paths(store: Documents, where: Any, expected: list[str]) -> None:
    await put(
        store,
        d={"n": 0, "stages": {"link:2-a_b": 1}},
        c={"n": 3, "error": "Timeout"},
        b={"n": 2, "error": None},
        a={"n": 1, "error": {"class": "Timeout"}},
    )
    assert await ids(store, where) == expected


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"v": {"$regex": "x"}}, id="unknown operator"),
        pytest.param({"$or": []}, id="operator as a path"),
        pytest.param({"v": {"$gt": 1, "plain": 2}}, id="operator beside a key"),
        pytest.param({"v": {"$in": "text"}}, id="$in needs a list"),
        pytest.param({"v": {"$gt": None}}, id="$gt needs a value"),
        pytest.param({"v": {"$lt": {}}}, id="$lt needs a scalar"),
        pytest.param({"v": {"$exists": 1}}, id="$exists needs a boolean"),
        pytest.param({"v": {"a": {"$gt": 1}}}, id="operator inside a value"),
        pytest.param({"v": b"x"}, id="value that is not JSON"),
        pytest.param({"": 1}, id="empty path"),
        pytest.param({"a..b": 1}, id="empty name in a path"),
        pytest.param({"a b": 1}, id="space in a path"),
        pytest.param({"a') = 1 OR ('1": 1}, id="SQL in a path"),
        pytest.param({'a"': 1}, id="quotation mark in a path"),
    ],
)
async def test_a_condition_that_no_store_understands_is_refused(store: Documents, where: Any) -> None:
    for call in (store.find, store.count, store.delete, store.update):
        with pytest.raises(InvalidInputError):
            await call(THINGS, where)


async def test_an_index_changes_no_answer(store: Documents) -> None:
    await put(store, **ZOO)
    order = await ids(store, sort=[("v", -1)])
    await store.ensure_index(THINGS, ["v", "w"])
    await store.ensure_index(THINGS, ["v", "w"])
    assert await ids(store, sort=[("v", -1)]) == order
    assert await ids(store, {"v": 1}) == ["one", "one_real"]
    assert await ids(store, {"v": {"$gt": "1"}}) == ["text"]


# -- order -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        pytest.param(None, ["a", "b", "c", "d", "e"], id="by id without a sort"),
        pytest.param([("n", 1)], ["b", "e", "d", "a", "c"], id="missing first upwards"),
        pytest.param([("n", -1)], ["a", "c", "d", "b", "e"], id="missing last downwards, ties by id upwards"),
        pytest.param([("n", -1), ("_id", -1)], ["c", "a", "d", "e", "b"], id="ties by id downwards"),
        pytest.param([("_id", -1)], ["e", "d", "c", "b", "a"], id="by id downwards"),
        pytest.param([("in.t", 1), ("n", -1)], ["c", "d", "b", "a", "e"], id="two paths"),
    ],
)
async def test_documents_come_in_the_order_asked_for(store: Documents, sort: Any, expected: list[str]) -> None:
    await put(
        store,
        c={"n": 10},
        b={"n": None, "in": {"t": ""}},
        a={"n": 10, "in": {"t": "Z"}},
        e={"in": {"t": "é"}},
        d={"n": 9.5},
    )
    assert await ids(store, sort=sort) == expected


async def test_mixed_values_are_sorted_by_type_then_value(store: Documents) -> None:
    values = [None, -5, 0.5, 7, "", "B", "a", "z", "é", "🦀", {"a": 1}, False, True]
    await put(store, **{f"x{n:02}": {"v": value} for n, value in enumerate(reversed(values))})
    assert [document["v"] for document in await store.find(THINGS, sort=[("v", 1)])] == values


@pytest.mark.parametrize(
    ("limit", "skip", "expected"),
    [(0, 0, "abcd"), (2, 0, "ab"), (2, 1, "bc"), (0, 3, "d"), (9, 2, "cd"), (1, 9, "")],
)
async def test_limit_and_skip_cut_the_list(store: Documents, limit: int, skip: int, expected: str) -> None:
    await put(store, **{name: {} for name in "dbca"})
    assert await ids(store, limit=limit, skip=skip) == list(expected)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"sort": [("n", 0)]}, id="no direction"),
        pytest.param({"sort": [("n", 1), ("n", -1)]}, id="one path twice"),
        pytest.param({"sort": [("n; --", 1)]}, id="not a path"),
        pytest.param({"limit": -1}, id="limit below zero"),
        pytest.param({"skip": -1}, id="skip below zero"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(store: Documents, options: Any) -> None:
    with pytest.raises(InvalidInputError):
        await store.find(THINGS, **options)
