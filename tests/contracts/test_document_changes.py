"""What every store makes of an update, and what it refuses to make of one."""

from __future__ import annotations

from typing import Any

import pytest

from spine.errors import InvalidInputError
from spine.ports import Document, Documents

THINGS = "things"


async def put(store: Documents, **documents: Document) -> None:
    for id, document in documents.items():
        await store.insert(THINGS, {"_id": id, **document})


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        pytest.param({"a": 1}, {"set": {"a": 2, "b": {"c": [1]}}}, {"a": 2, "b": {"c": [1]}}, id="set"),
        pytest.param({"a": {"b": 1}}, {"set": {"a.c": 2}}, {"a": {"b": 1, "c": 2}}, id="set inside"),
        pytest.param({}, {"set": {"a.b.c": 1}}, {"a": {"b": {"c": 1}}}, id="set makes the objects on the way"),
        pytest.param({"a": {"b": 1}}, {"set": {"a": {"c": 2}}}, {"a": {"c": 2}}, id="set replaces an object"),
        pytest.param({"a": 1}, {"set": {"a": None}}, {"a": None}, id="set to null keeps the field"),
        pytest.param({"a": 1}, {"inc": {"a": 2}}, {"a": 3}, id="inc"),
        pytest.param({"a": 1}, {"inc": {"a": 0.5}}, {"a": 1.5}, id="inc by a real"),
        pytest.param({"a": 1}, {"inc": {"a": -3}}, {"a": -2}, id="inc downwards"),
        pytest.param({}, {"inc": {"a": 2}}, {"a": 2}, id="inc of an absent field starts at 0"),
        pytest.param({"a": {"b": 1}}, {"inc": {"a.b": 1}}, {"a": {"b": 2}}, id="inc inside"),
        pytest.param({}, {"inc": {"a.b": 1}}, {"a": {"b": 1}}, id="inc makes the objects on the way"),
        pytest.param({"a": [1]}, {"push": {"a": 2}}, {"a": [1, 2]}, id="push"),
        pytest.param({}, {"push": {"a": "x"}}, {"a": ["x"]}, id="push to an absent field makes the list"),
        pytest.param({"a": []}, {"push": {"a": {"n": 1, "l": [1]}}}, {"a": [{"n": 1, "l": [1]}]}, id="push an object"),
        pytest.param({"a": []}, {"push": {"a": [1, 2]}}, {"a": [[1, 2]]}, id="push a list as one item"),
        pytest.param({"a": {}}, {"push": {"a.b": 1}}, {"a": {"b": [1]}}, id="push inside"),
        pytest.param({"a": 1, "b": 2}, {"unset": ["a"]}, {"b": 2}, id="unset"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"unset": ["a.b"]}, {"a": {"c": 2}}, id="unset inside"),
        pytest.param({"a": 1}, {"unset": ["b", "a.x.y", "c.d"]}, {"a": 1}, id="unset of nothing"),
        pytest.param(
            {"a": 1, "b": 1, "l": []},
            {"set": {"c": 3}, "inc": {"b": 1}, "push": {"l": 1}, "unset": ["a"]},
            {"b": 2, "l": [1], "c": 3},
            id="all at once",
        ),
        pytest.param({"a": 1}, {}, {"a": 1}, id="nothing to change"),
        pytest.param({}, {"set": {"a.z": 1, "a.y": 2}}, {"a": {"y": 2, "z": 1}}, id="new fields come in path order"),
    ],
)
async def test_an_update_changes_the_document(store: Documents, before: Document, change: Any, after: Document) -> None:
    await put(store, x=before, y=before)
    assert await store.update(THINGS, {"_id": "x"}, **change) == {"_id": "x", **after}
    assert await store.get(THINGS, "x") == {"_id": "x", **after}
    assert await store.get(THINGS, "y") == {"_id": "y", **before}


async def test_fields_that_an_update_adds_stand_in_path_order(store: Documents) -> None:
    await put(store, x={})
    await store.update(THINGS, {"_id": "x"}, set={"a.z": 1}, inc={"a.y": 2})
    assert await store.count(THINGS, {"a": {"y": 2, "z": 1}}) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"set": {"_id": "y"}}, id="set the id"),
        pytest.param({"set": {"_id.a": 1}}, id="set inside the id"),
        pytest.param({"unset": ["_id"]}, id="unset the id"),
        pytest.param({"inc": {"text": 1}}, id="inc a text"),
        pytest.param({"inc": {"null": 1}}, id="inc a null"),
        pytest.param({"inc": {"yes": 1}}, id="inc a boolean"),
        pytest.param({"inc": {"object": 1}}, id="inc an object"),
        pytest.param({"inc": {"n": True}}, id="inc by a boolean"),
        pytest.param({"inc": {"n": "1"}}, id="inc by a text"),
        pytest.param({"inc": {"n": float("nan")}}, id="inc by NaN"),
        pytest.param({"inc": {"large": 1}}, id="inc beyond 64 bits"),
        pytest.param({"push": {"n": 1}}, id="push to a number"),
        pytest.param({"push": {"null": 1}}, id="push to a null"),
        pytest.param({"push": {"list": {"$each": [1]}}}, id="push an operator"),
        pytest.param({"set": {"n.a": 1}}, id="set inside a number"),
        pytest.param({"set": {"null.a": 1}}, id="set inside a null"),
        pytest.param({"set": {"a": {"b.c": 1}}}, id="dotted key"),
        pytest.param({"set": {"a": {"$b": 1}}}, id="dollar key"),
        pytest.param({"set": {"a": {1, 2}}}, id="value that is not JSON"),
        pytest.param({"set": {"a": 1}, "unset": ["a"]}, id="one field twice"),
        pytest.param({"set": {"a": {}}, "inc": {"a.b": 1}}, id="a field and what is inside"),
        pytest.param({"set": {"a b": 1}}, id="not a path"),
        pytest.param({"unset": "n"}, id="unset needs a list"),
    ],
)
async def test_a_change_that_cannot_be_made_is_refused_and_changes_nothing(store: Documents, change: Any) -> None:
    before: Document = {
        "n": 1,
        "text": "x",
        "null": None,
        "yes": True,
        "object": {},
        "list": [],
        "large": 2**63 - 1,
    }
    await put(store, x=before)
    with pytest.raises(InvalidInputError):
        await store.update(THINGS, {"_id": "x"}, **change)
    assert await store.get(THINGS, "x") == {"_id": "x", **before}


async def test_an_update_without_a_match_is_none(store: Documents) -> None:
    await put(store, x={"n": 1})
    assert await store.update(THINGS, {"_id": "x", "n": 2}, set={"n": 3}) is None
    assert await store.find(THINGS) == [{"_id": "x", "n": 1}]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        pytest.param(None, "a", id="by id"),
        pytest.param([("n", 1)], "c", id="smallest"),
        pytest.param([("n", -1)], "b", id="largest, ties by id"),
    ],
)
async def test_an_update_changes_the_first_match_only(store: Documents, sort: Any, first: str) -> None:
    await put(store, d={"n": 3}, c={"n": 1}, b={"n": 3}, a={"n": 2})
    changed = await store.update(THINGS, {"n": {"$gt": 0}}, set={"n": 0}, sort=sort)
    assert changed == {"_id": first, "n": 0}
    assert await store.count(THINGS, {"n": 0}) == 1


async def test_delete_removes_the_matches_and_counts_them(store: Documents) -> None:
    await put(store, a={"n": 1}, b={"n": 2}, c={})
    assert await store.delete(THINGS, {"n": {"$gte": 1}}) == 2
    assert await store.delete(THINGS, {"n": 1}) == 0
    assert await store.find(THINGS) == [{"_id": "c"}]
