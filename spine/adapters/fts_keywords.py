"""The keyword index in a SQLite file (FTS5), beside the documents in `MILLRACE_HOME`.

Each collection has its own full-text table, so that the rarity of a word is that of its collection. Measured with
100,000 entries of 200 words: 0.1 ms to add one; see `keyword_terms` and `fts_counts` for what keeps a search quick.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from spine.adapters.fts_counts import FtsCounts
from spine.adapters.sqlite_file import open_connection
from spine.errors import DatabaseError
from spine.keyword_terms import telling_words
from spine.keywords_port import KeywordHit
from spine.vectors_port import Entry
from spine.words import words

T = TypeVar("T")

_EDITION: Final = 1
"""Of what counts as a word. An index of another one is emptied; the next search or ingestion makes it again from what
its collection holds."""

_TABLES: Final = (
    "CREATE TABLE collections (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE entries (row INTEGER PRIMARY KEY, collection INTEGER NOT NULL, id TEXT NOT NULL,"
    " UNIQUE (collection, id))",
)
_PAGE: Final = 5000
_MOST_WORDS: Final = 64
"""A longer question is looked up by the first of its words."""


class FtsKeywords:
    """The index in the file at `path`; many processes may use it. Threads and connections end with `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"write {path.name}")  # SQLite has one writer anyway
        self._readers = ThreadPoolExecutor(2, thread_name_prefix=f"read {path.name}")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    async def upsert(self, collection: str, entries: Sequence[Entry]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            number = _make_collection(connection, collection)
            for entry in entries:
                _put(connection, number, entry)

        await self._write(work)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            number = _number(connection, collection)
            if number is not None:
                for one in ids:
                    _remove(connection, number, one)

        await self._write(work)

    async def search(self, collection: str, text: str, *, limit: int) -> list[KeywordHit]:
        asked = words(text)[:_MOST_WORDS]

        def work(connection: sqlite3.Connection, counts: FtsCounts) -> list[KeywordHit]:
            number = _number(connection, collection)
            if number is None or not asked:
                return []
            telling = telling_words(counts.holding(number, asked), counts.entries(number))
            return _search(connection, number, asked, telling, limit)

        return await self._read(work)

    async def holding(self, collection: str, asked: Collection[str]) -> dict[str, int]:
        def work(connection: sqlite3.Connection, counts: FtsCounts) -> dict[str, int]:
            number = _number(connection, collection)
            return {} if number is None else counts.holding(number, asked)

        return await self._read(work)

    async def count(self, collection: str) -> int:
        def work(connection: sqlite3.Connection, counts: FtsCounts) -> int:
            number = _number(connection, collection)
            return 0 if number is None else counts.entries(number)

        return await self._read(work)

    async def ids(self, collection: str) -> AsyncIterator[str]:
        last = 0
        while True:
            page = await self._read(lambda connection, _, last=last: _page(connection, collection, last))
            for row, one in page:
                last = row
                yield one
            if len(page) < _PAGE:
                return

    async def drop(self, collection: str) -> None:
        await self._write(lambda connection: _drop(connection, collection))

    async def close(self) -> None:
        """Finish what was accepted, then release the file. Later calls raise DatabaseError."""
        self._closed = True
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        for pool in (self._writer, self._readers):
            pool.shutdown(wait=True)
        while self._opened:
            self._opened.pop().close()

    async def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await self._run(self._writer, lambda: _in_transaction(self._connection(), work))

    async def _read(self, work: Callable[[sqlite3.Connection, FtsCounts], T]) -> T:
        return await self._run(self._readers, lambda: work(self._connection(), self._counts()))

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._closed:
            raise DatabaseError(f"{self._path.name} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._path.name}: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = open_connection(self._path)
            self._opened.append(found)
            if not _is_of_this_edition(found):
                _in_transaction(found, _begin_edition)
            self._own.connection = found
        return found

    def _counts(self) -> FtsCounts:
        """What this thread's connection has counted."""
        found: FtsCounts | None = getattr(self._own, "counts", None)
        if found is None:
            found = self._own.counts = FtsCounts(self._connection())
        return found


def _in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk, for one, has rolled back already
            connection.execute("ROLLBACK")
        raise


def _is_of_this_edition(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] == _EDITION)


def _begin_edition(connection: sqlite3.Connection) -> None:
    """Empty, unless another process was quicker."""
    if _is_of_this_edition(connection):
        return
    made = connection.execute(
        "SELECT name FROM sqlite_master WHERE name IN ('collections', 'entries')"
        " OR sql LIKE 'CREATE VIRTUAL TABLE vocabulary%' OR sql LIKE 'CREATE VIRTUAL TABLE text%' ORDER BY name DESC"
    ).fetchall()
    for (name,) in made:  # a vocabulary before the text that it is of
        connection.execute(f"DROP TABLE {name}")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_EDITION}")


def _number(connection: sqlite3.Connection, collection: str) -> int | None:
    row = connection.execute("SELECT number FROM collections WHERE name = ?", (collection,)).fetchone()
    return None if row is None else int(row[0])


def _make_collection(connection: sqlite3.Connection, collection: str) -> int:
    number = _number(connection, collection)
    if number is not None:
        return number
    made = connection.execute("INSERT INTO collections (name) VALUES (?)", (collection,)).lastrowid or 0
    # Words come folded already; the tokenizer only has to part them, and to take marks for parts of them.
    connection.execute(
        f"CREATE VIRTUAL TABLE text_{made} USING"
        " fts5(words, tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'\")"
    )
    connection.execute(f"CREATE VIRTUAL TABLE vocabulary_{made} USING fts5vocab('text_{made}', 'row')")
    return made


def _put(connection: sqlite3.Connection, number: int, entry: Entry) -> None:
    row = connection.execute(
        "INSERT INTO entries (collection, id) VALUES (?, ?) ON CONFLICT DO UPDATE SET id = id RETURNING row",
        (number, entry.id),
    ).fetchone()[0]
    connection.execute(
        f"INSERT OR REPLACE INTO text_{number} (rowid, words) VALUES (?, ?)",  # noqa: S608
        (row, " ".join(words(entry.text))),
    )


def _remove(connection: sqlite3.Connection, number: int, id: str) -> None:
    row = connection.execute(
        "DELETE FROM entries WHERE collection = ? AND id = ? RETURNING row", (number, id)
    ).fetchone()
    if row is not None:
        connection.execute(f"DELETE FROM text_{number} WHERE rowid = ?", row)  # noqa: S608


def _search(
    connection: sqlite3.Connection, number: int, asked: Sequence[str], telling: Sequence[str], limit: int
) -> list[KeywordHit]:
    if not telling:
        return []
    found = connection.execute(
        f"SELECT entries.id, -text.rank FROM text_{number} AS text JOIN entries ON entries.row = text.rowid"  # noqa: S608
        f" WHERE text_{number} MATCH ? ORDER BY text.rank LIMIT ?",
        (_expression(telling, asked), limit),
    )
    return [KeywordHit(one, score) for one, score in found]


def _expression(telling: Sequence[str], asked: Sequence[str]) -> str:
    """Any of the words, or all that were asked in a row. A word is letters and digits: quotes make it a plain one."""
    terms = [*telling, " ".join(asked)] if len(asked) > 1 else telling
    return " OR ".join(f'"{term}"' for term in terms)


def _page(connection: sqlite3.Connection, collection: str, after: int) -> list[tuple[int, str]]:
    return connection.execute(
        "SELECT row, id FROM entries WHERE collection = ? AND row > ? ORDER BY row LIMIT ?",
        (_number(connection, collection), after, _PAGE),
    ).fetchall()


def _drop(connection: sqlite3.Connection, collection: str) -> None:
    number = _number(connection, collection)
    if number is None:
        return
    connection.execute(f"DROP TABLE vocabulary_{number}")
    connection.execute(f"DROP TABLE text_{number}")
    connection.execute("DELETE FROM entries WHERE collection = ?", (number,))
    connection.execute("DELETE FROM collections WHERE number = ?", (number,))
