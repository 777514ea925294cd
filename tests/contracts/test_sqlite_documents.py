"""What only the SQLite store has to get right: its file, its threads, several processes, and its use of indexes."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from spine.adapters import sqlite_file, sqlite_queries
from spine.adapters.sqlite_documents import SqliteDocuments, open_sqlite_documents
from spine.adapters.sqlite_file import LAYOUT
from spine.document_conditions import parse_sort, parse_where
from spine.documents import INDEXES, JOBS, Index, ensure_indexes
from spine.errors import DatabaseError, InvalidInputError

THINGS = "things"
PROJECT_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "documents.sqlite3"


@pytest.fixture
async def documents(path: Path) -> AsyncIterator[SqliteDocuments]:
    opened = open_sqlite_documents(path)
    yield opened
    await opened.close()


# -- indexes ---------------------------------------------------------------------------------------------------------

ALL_INDEXES = [
    pytest.param(collection, index, id=f"{collection}({','.join(index.paths)})")
    for collection, indexes in INDEXES.items()
    for index in indexes
]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every index of every collection."""

    async def make(path: Path) -> Path:
        documents = open_sqlite_documents(path)
        await ensure_indexes(documents)
        await documents.close()
        return path

    return asyncio.run(make(tmp_path_factory.mktemp("indexed") / "documents.sqlite3"))


def plan(path: Path, collection: str, where: Any, sort: Sequence[tuple[str, int]] = (), limit: int = 0) -> list[str]:
    sql = sqlite_queries.select(collection, parse_where(where), parse_sort(sort), limit=limit)
    connection = sqlite_file.open_connection(path, read_only=True)
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values)]
    finally:
        connection.close()


@pytest.mark.parametrize(("collection", "index"), ALL_INDEXES)
def test_equality_on_an_indexs_paths_searches_it(indexed: Path, collection: str, index: Index) -> None:
    steps = plan(indexed, collection, dict.fromkeys(index.paths, "x"))
    assert f"SEARCH {collection} USING INDEX" in steps[0]
    assert steps[0].count("<expr>=?") == len(index.paths)


@pytest.mark.parametrize(("collection", "index"), ALL_INDEXES)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_sort_by_an_indexs_last_path_reads_it_in_order(
    indexed: Path, collection: str, index: Index, direction: int
) -> None:
    *equal, last = index.paths
    steps = plan(indexed, collection, dict.fromkeys(equal, "x"), [(last, direction)], limit=10)
    assert "USING INDEX" in steps[0]
    # Only ties are sorted by `_id`; a sort of everything would be a B-TREE FOR ORDER BY.
    assert steps[1:] in ([], ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"])


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"_id": "x"}, id="by id"),
        pytest.param({"_id": {"$in": ["x", "y"]}}, id="by ids"),
        pytest.param({"status": {"$in": ["STARTED", "PROGRESS"]}, "queue": "live"}, id="$in"),
        pytest.param({"lease_until": {"$lt": "2026-01-01"}}, id="range"),
        pytest.param({"lease_until": None}, id="None"),
        pytest.param({"created": {"$gte": "2026", "$lt": "2027"}}, id="two bounds"),
        pytest.param({"idempotency_key": "k"}, id="unique key"),
    ],
)
def test_conditions_on_indexed_paths_do_not_scan(indexed: Path, where: Any) -> None:
    assert plan(indexed, JOBS, where)[0].startswith("SEARCH jobs USING INDEX")


# -- the file --------------------------------------------------------------------------------------------------------


async def test_opening_touches_nothing_until_the_first_call(path: Path) -> None:
    documents = open_sqlite_documents(path)
    assert not path.parent.exists()
    await documents.ping()
    assert path.stat().st_mode & 0o777 == 0o600
    await documents.close()


async def test_documents_outlive_the_store(path: Path) -> None:
    for n in range(3):
        documents = open_sqlite_documents(path)
        await documents.insert(THINGS, {"_id": f"x{n}"})
        assert await documents.count(THINGS) == n + 1
        await documents.close()
    left = {file.name for file in path.parent.iterdir()}
    assert left == {path.name, f"{path.name}-first"}  # the log is folded in at the end


async def test_two_stores_on_one_file_see_each_other(documents: SqliteDocuments, path: Path) -> None:
    other = open_sqlite_documents(path)
    await documents.insert(THINGS, {"_id": "x", "n": 1})
    assert await other.update(THINGS, {"_id": "x"}, inc={"n": 1}) == {"_id": "x", "n": 2}
    await other.close()
    assert await documents.get(THINGS, "x") == {"_id": "x", "n": 2}


async def test_a_file_of_a_newer_millrace_is_refused_and_left_alone(path: Path) -> None:
    documents = open_sqlite_documents(path)
    await documents.insert(THINGS, {"_id": "x"})
    await documents.close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO _schema_version VALUES (?, 'later')", (len(LAYOUT) + 1,))
    connection.close()
    newer = open_sqlite_documents(path)
    for call in (newer.ping(), newer.get(THINGS, "x"), newer.insert(THINGS, {})):
        with pytest.raises(DatabaseError, match="newer Millrace"):
            await call
    await newer.close()


async def test_a_file_of_an_older_millrace_is_brought_up_to_date_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = open_sqlite_documents(path)
    await documents.insert(THINGS, {"_id": "x"})
    await documents.close()
    monkeypatch.setattr(sqlite_file, "LAYOUT", (*LAYOUT, "CREATE TABLE added (n)"))
    for _ in range(2):
        documents = open_sqlite_documents(path)
        assert await documents.get(THINGS, "x") == {"_id": "x"}
        await documents.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM _schema_version").fetchall() == [(1,), (2,)]
    connection.close()


async def test_a_file_that_is_no_database_is_a_database_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is a letter, not a database. " * 100)
    documents = open_sqlite_documents(path)
    with pytest.raises(DatabaseError, match="not a database"):
        await documents.get(THINGS, "x")
    await documents.close()


async def test_a_folder_that_cannot_be_made_is_a_database_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    documents = open_sqlite_documents(tmp_path / "file" / "documents.sqlite3")
    with pytest.raises(DatabaseError, match="cannot be made"):
        await documents.ping()
    await documents.close()


async def test_a_closed_store_says_so(documents: SqliteDocuments) -> None:
    await documents.insert(THINGS, {"_id": "x"})
    await documents.close()
    for call in (documents.get(THINGS, "x"), documents.insert(THINGS, {}), documents.ping()):
        with pytest.raises(DatabaseError, match="closed"):
            await call


async def test_closing_finishes_what_was_accepted_and_ends_the_threads(path: Path) -> None:
    documents = open_sqlite_documents(path)
    await documents.ping()
    writes = [asyncio.create_task(documents.insert(THINGS, {"n": n})) for n in range(50)]
    await asyncio.sleep(0)  # every task has handed its first write over
    await documents.upsert(THINGS, {"_id": "last"})
    await asyncio.gather(*writes)
    await documents.close()
    assert not [thread for thread in threading.enumerate() if path.name in thread.name]
    again = open_sqlite_documents(path)
    assert await again.count(THINGS) == 51
    await again.close()


# -- the event loop --------------------------------------------------------------------------------------------------


async def test_a_write_that_waits_for_another_process_blocks_neither_the_loop_nor_readers(
    documents: SqliteDocuments, path: Path
) -> None:
    await documents.insert(THINGS, {"_id": "x", "n": 1})
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(documents.update(THINGS, {"_id": "x"}, inc={"n": 1}))
    reads = [await documents.get(THINGS, "x") for _ in range(20)]
    assert reads == [{"_id": "x", "n": 1}] * 20
    assert not waiting.done()
    blocker.execute("COMMIT")
    blocker.close()
    assert await waiting == {"_id": "x", "n": 2}


async def test_a_file_that_stays_busy_is_a_database_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0.05)
    documents = open_sqlite_documents(path)
    await documents.insert(THINGS, {"_id": "x"})
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="locked"):
        await documents.insert(THINGS, {"_id": "y"})
    blocker.execute("COMMIT")
    blocker.close()
    await documents.insert(THINGS, {"_id": "y"})
    await documents.close()


async def test_a_write_that_fails_spoils_no_other_of_its_group(documents: SqliteDocuments, path: Path) -> None:
    await documents.ensure_index(THINGS, ["key"], unique=True)
    await documents.insert(THINGS, {"_id": "text", "n": "x"})
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # while this is held, the writes gather into one group
    calls = [
        documents.insert(THINGS, {"_id": "a", "key": "k"}),
        documents.insert(THINGS, {"_id": "b", "key": "k"}),
        documents.update(THINGS, {"_id": "text"}, inc={"n": 1}),
        documents.insert(THINGS, {"_id": "c"}),
    ]
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    blocker.execute("COMMIT")
    blocker.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["str", "DuplicateError", "InvalidInputError", "str"]
    assert [found["_id"] for found in await documents.find(THINGS)] == ["a", "c", "text"]


async def test_reads_that_are_answered_together_each_get_their_own_answer(documents: SqliteDocuments) -> None:
    for n in range(50):
        await documents.insert(THINGS, {"_id": f"{n}", "n": n})
    reads = [documents.get(THINGS, f"{n}") for n in range(50)]
    failing = documents.find(THINGS, {"n": 2**70})  # which SQLite has no number for
    found, error = await asyncio.gather(asyncio.gather(*reads), failing, return_exceptions=True)
    assert found == [{"_id": f"{n}", "n": n} for n in range(50)]
    assert isinstance(error, Exception)


async def test_closing_answers_what_was_asked_before(path: Path) -> None:
    documents = open_sqlite_documents(path)
    await documents.insert(THINGS, {"_id": "x"})
    reads = [asyncio.create_task(documents.get(THINGS, "x")) for _ in range(50)]
    await asyncio.sleep(0)
    await documents.close()
    assert await asyncio.gather(*reads) == [{"_id": "x"}] * 50


async def test_a_cancelled_caller_leaves_the_store_working(documents: SqliteDocuments) -> None:
    await documents.insert(THINGS, {"_id": "x", "n": 0})
    for _ in range(20):
        task = asyncio.create_task(documents.update(THINGS, {"_id": "x"}, inc={"n": 1}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await documents.update(THINGS, {"_id": "x"}, set={"n": 100}) == {"_id": "x", "n": 100}


def test_one_store_serves_several_event_loops(path: Path) -> None:
    documents = open_sqlite_documents(path)
    for n in range(3):
        asyncio.run(documents.upsert(THINGS, {"_id": "x", "n": n}))
    assert asyncio.run(documents.get(THINGS, "x")) == {"_id": "x", "n": 2}
    asyncio.run(documents.close())


async def test_what_is_no_path_never_becomes_sql(documents: SqliteDocuments) -> None:
    with pytest.raises(InvalidInputError):
        await documents.ensure_index(THINGS, ["n'); DROP TABLE things; --"])


# -- several processes -----------------------------------------------------------------------------------------------

COUNT_UP = """
import asyncio, sys
from pathlib import Path
from spine.adapters.sqlite_documents import open_sqlite_documents

async def main():
    documents = open_sqlite_documents(Path(sys.argv[1]))
    async def count_up():
        for _ in range(50):
            await documents.update("things", {"_id": "x"}, inc={"n": 1})
    await asyncio.gather(*(count_up() for _ in range(4)))
    await documents.close()

asyncio.run(main())
"""

WRITE_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from spine.adapters.sqlite_documents import open_sqlite_documents

async def main():
    documents = open_sqlite_documents(Path(sys.argv[1]))
    for n in range(1_000_000):
        await documents.insert("things", {"_id": f"{n:06}"})
        print(n, flush=True)

asyncio.run(main())
"""


async def process(program: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), cwd=PROJECT_ROOT, stdout=subprocess.PIPE
    )


async def test_no_increment_is_lost_among_four_processes(documents: SqliteDocuments, path: Path) -> None:
    await documents.insert(THINGS, {"_id": "x", "n": 0})
    processes = await asyncio.gather(*(process(COUNT_UP, path) for _ in range(4)))
    assert [await started.wait() for started in processes] == [0] * 4
    assert await documents.get(THINGS, "x") == {"_id": "x", "n": 800}


async def test_processes_that_open_a_new_file_at_once_all_succeed(path: Path) -> None:
    processes = await asyncio.gather(*(process(COUNT_UP, path) for _ in range(3)))
    assert [await started.wait() for started in processes] == [0] * 3


async def test_what_was_acknowledged_survives_a_killed_process(documents: SqliteDocuments, path: Path) -> None:
    writer = await process(WRITE_UNTIL_KILLED, path)
    assert writer.stdout is not None
    acknowledged = [int(await writer.stdout.readline()) for _ in range(30)]
    writer.send_signal(signal.SIGKILL)
    *whole_lines, _ = (await writer.stdout.read()).split(b"\n")
    acknowledged += [int(line) for line in whole_lines]
    await writer.wait()
    stored = {found["_id"] for found in await documents.find(THINGS)}
    assert {f"{n:06}" for n in acknowledged} <= stored
    assert await documents.insert(THINGS, {"_id": "after"}) == "after"
