"""Whatever is stored and asked for, SQLite answers as the in-memory twin does, errors included."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.errors import MillraceError
from spine.ports import Document, Documents
from spine.testing.memory_documents import MemoryDocuments

THINGS = "things"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1e300, -1e300]),
    texts,
)
names = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.dictionaries(names, inner, max_size=2), st.lists(inner, max_size=2)),
    max_leaves=4,
)
paths = st.sampled_from(["a", "b", "a.b", "b.a.c", "_id"])
stores = st.lists(st.dictionaries(names, values, max_size=3), max_size=6)
comparable = st.one_of(st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1e300]), texts)
wanted = st.one_of(
    values,
    st.fixed_dictionaries({}, optional={"$ne": values, "$in": st.lists(values, max_size=3), "$exists": st.booleans()}),
    st.fixed_dictionaries({}, optional={"$gt": comparable, "$lte": comparable, "$nin": st.lists(values, max_size=2)}),
    st.fixed_dictionaries({}, optional={"$gte": comparable, "$lt": comparable}),
)
wheres = st.dictionaries(paths, wanted, max_size=2)
changes = st.fixed_dictionaries(
    {},
    optional={
        "set": st.dictionaries(paths, values, max_size=2),
        "inc": st.dictionaries(paths, st.one_of(st.integers(-2, 2), st.sampled_from([0.5, 2**63 - 1])), max_size=1),
        "push": st.dictionaries(paths, values, max_size=1),
        "unset": st.lists(paths, max_size=2),
    },
)


async def outcome(call: Any) -> Any:
    try:
        return await call
    except MillraceError as error:
        return type(error), error.message


async def answers(store: Documents, documents: list[Document], where: Any, change: Any) -> list[Any]:
    """What a store says to a whole story; ordered by `_id`, since objects and lists have no common order."""
    said = [await outcome(store.ensure_index(THINGS, ["c", "b"], unique=True))]
    said += [await outcome(store.insert(THINGS, {**row, "_id": f"x{n}"})) for n, row in enumerate(documents)]
    said += [await outcome(store.find(THINGS, where)), await outcome(store.count(THINGS, where))]
    said += [await outcome(store.update(THINGS, where, **change))]
    said += [await outcome(store.delete(THINGS, where)), await outcome(store.find(THINGS))]
    return said


@settings(max_examples=60, deadline=None, database=None)
@given(documents=stores, where=wheres, change=changes)
def test_sqlite_and_memory_tell_the_same_story(documents: list[Document], where: Any, change: Any) -> None:
    async def compare() -> None:
        with tempfile.TemporaryDirectory() as folder:
            sqlite = open_sqlite_documents(Path(folder) / "documents.sqlite3")
            try:
                told = await answers(sqlite, documents, where, change)
            finally:
                await sqlite.close()
        assert told == await answers(MemoryDocuments(), documents, where, change)

    asyncio.run(compare())


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(scalars, max_size=8), st.sampled_from([1, -1]))
def test_sqlite_and_memory_sort_alike(column: list[Any], direction: int) -> None:
    async def order(store: Documents) -> list[Document]:
        for number, value in enumerate(column):
            await store.insert(THINGS, {"_id": f"x{number}", "v": value})
        found = await store.find(THINGS, sort=[("v", direction)])
        await store.close()
        return found

    async def compare() -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert await order(open_sqlite_documents(Path(folder) / "d.sqlite3")) == await order(MemoryDocuments())

    asyncio.run(compare())
