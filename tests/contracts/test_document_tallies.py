"""A count that is kept says what counting would say, whatever was written, in every store."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import product
from pathlib import Path

import pytest

from spine.adapters import sqlite_queries, sqlite_tallies
from spine.adapters.sqlite_documents import SqliteDocuments, open_sqlite_documents
from spine.document_conditions import parse_where
from spine.errors import DuplicateError, InvalidInputError
from spine.ports import Documents, Where

THINGS = "things"
PATHS = ("kind", "state.name")


async def write_of_every_kind(store: Documents) -> None:
    """Leaves a book open, a book closed, a card open, one of no kind, one whose kind is null, one whose kind is 5."""
    for id, kind, state in [("a", "book", "open"), ("b", "book", "open"), ("c", "card", "open"), ("d", "card", "shut")]:
        await store.insert(THINGS, {"_id": id, "kind": kind, "state": {"name": state}})
    await store.update(THINGS, {"_id": "b"}, set={"state.name": "shut"})
    await store.update(THINGS, {"_id": "a"}, set={"title": "a change elsewhere"})
    await store.upsert(THINGS, {"_id": "d", "kind": "dish", "state": {"name": "open"}})
    await store.upsert(THINGS, {"_id": "e", "state": {"name": "open"}})
    await store.upsert(THINGS, {"_id": "f", "kind": None})
    await store.insert(THINGS, {"_id": "g", "kind": 5, "state": {"name": "open"}})
    await store.update(THINGS, {"_id": "g"}, inc={"kind": 1})
    await store.update(THINGS, {"_id": "g"}, inc={"kind": -1})
    await store.delete(THINGS, {"kind": "dish"})


WHERES: dict[str, tuple[Where | None, int]] = {
    "everything": (None, 6),
    "one value": ({"kind": "book"}, 2),
    "two paths": ({"kind": "book", "state.name": "open"}, 1),
    "either of two": ({"kind": {"$in": ["book", "card"]}}, 3),
    "none of no values": ({"kind": {"$in": []}}, 0),
    "nothing, which is null or absent": ({"kind": None}, 2),
    "a value that was deleted": ({"kind": "dish"}, 0),
    "a value that never was": ({"kind": "letter"}, 0),
    "a number": ({"kind": 5}, 1),
    "the second path alone": ({"state.name": "open"}, 4),
    "a path beside": ({"kind": "book", "title": "a change elsewhere"}, 1),
    "anything but": ({"kind": {"$ne": "book"}}, 4),
    "two conditions on one path": ({"kind": {"$in": ["book", "card"], "$eq": "card"}}, 1),
    "an object": ({"state": {"name": "open"}}, 4),
    "an object among values": ({"kind": {"$in": ["book", {"a": 1}]}}, 2),
}


@pytest.mark.parametrize("before", [True, False], ids=["kept from the start", "made afterwards"])
async def test_a_count_is_the_same_with_a_tally(store: Documents, before: bool) -> None:
    if before:
        await store.ensure_tally(THINGS, PATHS)
    await write_of_every_kind(store)
    if not before:
        await store.ensure_tally(THINGS, PATHS)
    counted = {name: await store.count(THINGS, where) for name, (where, _) in WHERES.items()}
    assert counted == {name: number for name, (_, number) in WHERES.items()}


CHANGES = [
    ("a", "b"),
    (1, 2),
    (1, True),
    (True, False),
    (0, False),
    ("5", 5),
    (5, 5.5),
    (None, 0),
    (None, "null"),
    (0, ""),
]


@pytest.mark.parametrize(("was", "becomes"), [*CHANGES, *((new, old) for old, new in CHANGES)])
@pytest.mark.parametrize("paths", [["kind"], ["title", "kind"]], ids=["alone", "beside another"])
async def test_a_value_that_becomes_another_is_counted_as_that(
    tmp_path: Path, paths: list[str], was: object, becomes: object
) -> None:
    store = open_sqlite_documents(tmp_path / "documents.sqlite3")
    await store.ensure_tally(THINGS, paths)
    await store.insert(THINGS, {"_id": "a", "title": "t", "kind": was})
    await store.update(THINGS, {"_id": "a"}, set={"kind": becomes})
    assert [await store.count(THINGS, {"kind": value}) for value in (was, becomes)] == [0, 1]
    await store.close()


async def test_a_refused_write_is_not_counted(store: Documents) -> None:
    await store.ensure_index(THINGS, ["key"], unique=True)
    await store.ensure_tally(THINGS, ["kind"])
    await store.insert(THINGS, {"_id": "a", "key": "taken", "kind": "book"})
    with pytest.raises(DuplicateError):
        await store.insert(THINGS, {"_id": "b", "key": "taken", "kind": "book"})
    assert await store.count(THINGS, {"kind": "book"}) == 1


async def test_a_tally_needs_paths_that_a_document_can_have(store: Documents) -> None:
    for paths in ([], ["kind'"], ["kind", "kind"]):
        with pytest.raises(InvalidInputError):
            await store.ensure_tally(THINGS, paths)


# -- SQLite's own ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [{"kind": "book"}, {"state.name": "open"}, {"kind": {"$in": ["book", 5, None, True]}, "state.name": "open"}],
)
def test_a_tally_answers_for_its_paths(where: Where) -> None:
    sql = sqlite_tallies.total(THINGS, [("other",), PATHS], parse_where(where))
    assert sql is not None
    assert 'FROM "things#kind,state.name"' in sql.text


@pytest.mark.parametrize(
    "where", [None, {"title": "x"}, {"kind": {"$gt": "a"}}, {"kind": {"$ne": "a"}}, {"kind": {"a": 1}}, {"kind": [1]}]
)
def test_a_tally_is_silent_about_what_it_does_not_know(where: Where | None) -> None:
    assert sqlite_tallies.total(THINGS, [PATHS], parse_where(where)) is None


async def test_a_tally_counts_what_others_write_that_do_not_know_of_it(tmp_path: Path) -> None:
    knowing, other = (open_sqlite_documents(tmp_path / "documents.sqlite3") for _ in range(2))
    await other.insert(THINGS, {"_id": "before", "kind": "book"})
    await knowing.ensure_tally(THINGS, ["kind"])
    await other.insert(THINGS, {"_id": "after", "kind": "book"})
    assert await knowing.count(THINGS, {"kind": "book"}) == await other.count(THINGS, {"kind": "book"}) == 2
    await asyncio.gather(knowing.close(), other.close())


async def test_a_tally_is_there_for_the_next_process(tmp_path: Path) -> None:
    first = open_sqlite_documents(tmp_path / "documents.sqlite3")
    await first.ensure_tally(THINGS, ["kind"])
    await first.insert(THINGS, {"_id": "a", "kind": "book"})
    await first.close()
    again = open_sqlite_documents(tmp_path / "documents.sqlite3")
    await again.ensure_tally(THINGS, ["kind"])
    assert await again.count(THINGS, {"kind": "book"}) == 1
    await again.close()


async def test_stores_that_make_one_tally_together_count_nothing_twice(tmp_path: Path) -> None:
    stores = [open_sqlite_documents(tmp_path / "documents.sqlite3") for _ in range(4)]
    written = product(range(4), range(25))

    async def work(store: SqliteDocuments) -> None:
        await store.ensure_tally(THINGS, ["kind"])
        for place, number in written:
            await store.insert(THINGS, {"_id": f"{place}-{number}", "kind": "odd" if number % 2 else "even"})

    await asyncio.gather(*map(work, stores))
    counts = [[await store.count(THINGS, {"kind": kind}) for kind in ("odd", "even")] for store in stores]
    assert counts == [[48, 52]] * 4
    walked = sqlite_queries.count(THINGS, parse_where({"kind": "odd"}))
    with sqlite3.connect(tmp_path / "documents.sqlite3") as connection:
        found = connection.execute(walked.text, walked.values).fetchone()
    assert found == (48,)
    await asyncio.gather(*(store.close() for store in stores))
