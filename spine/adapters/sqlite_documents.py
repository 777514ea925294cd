"""Documents in one SQLite file: the store of a stack that has no MongoDB."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from spine.adapters import sqlite_queries as queries
from spine.adapters import sqlite_tallies as tallies
from spine.adapters.sqlite_queries import Sql
from spine.adapters.sqlite_threads import SqliteThreads
from spine.document_changes import apply_change, parse_change
from spine.document_conditions import checked_window, parse_sort, parse_where
from spine.document_values import body_of, checked_collection, checked_paths, plain_document
from spine.errors import InvalidInputError
from spine.ports import Document, Sort, Where


def open_sqlite_documents(path: Path) -> SqliteDocuments:
    """The store in the file at `path`, which is made when it is first used. Nothing is opened here."""
    return SqliteDocuments(path)


class SqliteDocuments:
    """`spine.ports.Documents` in a file that many tasks, loops and processes of one machine share.

    State lives in the file: one table per collection, so that each index holds one collection's documents only. What a
    call returns from is on the disk. Threads and connections live from the first call to `close`.
    """

    def __init__(self, path: Path) -> None:
        self._threads = SqliteThreads(path)
        self._tables: dict[str, set[tallies.Tally]] = {}
        """The collections that are known to have a table, each with its tallies."""

    async def get(self, collection: str, id: str) -> Document | None:
        found = await self.find(collection, {"_id": id}, limit=1)
        return found[0] if found else None

    async def find(
        self, collection: str, where: Where | None = None, *, sort: Sort | None = None, limit: int = 0, skip: int = 0
    ) -> list[Document]:
        """Documents that match, by `_id` when no sort is given."""
        checked_window(limit, skip)
        sql = queries.select(
            checked_collection(collection), parse_where(where), parse_sort(sort), limit=limit, skip=skip
        )
        await self._prepare(collection)
        return await self._threads.read(lambda connection: [json.loads(body) for _, body in _rows(connection, sql)])

    async def insert(self, collection: str, document: Document) -> str:
        stored = plain_document({"_id": uuid4().hex, **document})
        sql = queries.insert(checked_collection(collection), stored["_id"], body_of(stored))
        await self._write(collection, sql)
        return stored["_id"]

    async def upsert(self, collection: str, document: Document) -> None:
        stored = plain_document(document)
        if "_id" not in stored:
            raise InvalidInputError(f"A document that is put into {collection} needs its `_id`")
        await self._write(collection, queries.upsert(checked_collection(collection), stored["_id"], body_of(stored)))

    async def update(
        self,
        collection: str,
        where: Where,
        *,
        set: Mapping[str, Any] | None = None,
        inc: Mapping[str, int | float] | None = None,
        push: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        sort: Sort | None = None,
    ) -> Document | None:
        """Change the first match (by `_id` when no sort is given) and return it as it is afterwards."""
        change = parse_change(set, inc, push, unset)
        first = queries.select(checked_collection(collection), parse_where(where), parse_sort(sort), limit=1)

        def work(connection: sqlite3.Connection) -> Document | None:
            row = _execute(connection, first).fetchone()
            if row is None:
                return None
            changed = apply_change(json.loads(row[1]), change)
            if not change.is_empty:
                _execute(connection, queries.replace(collection, row[0], body_of(changed)))
            return changed

        await self._prepare(collection)
        return await self._threads.write(work)

    async def delete(self, collection: str, where: Where) -> int:
        return await self._write(collection, queries.delete(checked_collection(collection), parse_where(where)))

    async def count(self, collection: str, where: Where | None = None) -> int:
        conditions = parse_where(where)
        await self._prepare(checked_collection(collection))
        sql = tallies.total(collection, self._tables[collection], conditions) or queries.count(collection, conditions)
        return await self._threads.read(lambda connection: _rows(connection, sql)[0][0])

    async def ensure_index(self, collection: str, paths: Sequence[str], *, unique: bool = False) -> None:
        """Create the index if it is missing; DuplicateError when stored documents break a unique one."""
        sql = queries.create_index(checked_collection(collection), checked_paths(paths), unique=unique)
        await self._write(collection, sql)

    async def ensure_tally(self, collection: str, paths: Sequence[str]) -> None:
        """Create the tally if it is missing, with what is stored in it: that takes a second for 100,000 documents."""
        tally = checked_paths(paths)
        await self._prepare(checked_collection(collection))
        if tally not in self._tables[collection]:
            await self._threads.write(lambda connection: _make_tally(connection, collection, tally))
            self._tables[collection].add(tally)

    async def ping(self) -> None:
        await self._threads.read(lambda connection: connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        await self._threads.close()

    async def _write(self, collection: str, sql: Sql) -> int:
        """How many documents the statement changed."""
        await self._prepare(collection)
        return await self._threads.write(lambda connection: _execute(connection, sql).rowcount)

    async def _prepare(self, collection: str) -> None:
        if collection not in self._tables:
            tables = await self._threads.read(lambda connection: _tables_of(connection, collection))
            if collection not in tables:
                await self._threads.write(lambda connection: _rows(connection, queries.create_table(collection)))
            self._tables[collection] = tallies.tallies_in(tables)


def _tables_of(connection: sqlite3.Connection, collection: str) -> set[str]:
    return {name for (name,) in _rows(connection, tallies.find_tables(collection))}


def _make_tally(connection: sqlite3.Connection, collection: str, tally: tallies.Tally) -> None:
    """All of it or nothing, whatever else is in the group of writes; nothing when another process was faster."""
    if tally in tallies.tallies_in(_tables_of(connection, collection)):
        return
    connection.execute("SAVEPOINT tally")
    try:
        for sql in tallies.make_tally(collection, tally):
            _execute(connection, sql)
    except BaseException:
        connection.execute("ROLLBACK TO tally")
        raise
    finally:
        connection.execute("RELEASE tally")


def _execute(connection: sqlite3.Connection, sql: Sql) -> sqlite3.Cursor:
    return connection.execute(sql.text, sql.values)


def _rows(connection: sqlite3.Connection, sql: Sql) -> list[tuple[Any, ...]]:
    return _execute(connection, sql).fetchall()
