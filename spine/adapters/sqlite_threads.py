"""Runs SQLite work off the event loop: one thread writes in groups, a few others read meanwhile."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from spine.adapters import sqlite_file
from spine.adapters.sqlite_file import open_connection
from spine.adapters.sqlite_precedence import Precedence
from spine.document_values import duplicate
from spine.errors import DatabaseError, MillraceError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_GROUP: Final = 500  # writes per commit; bounds how long other processes wait
_READERS: Final = 2
_LONGEST_HELD: Final = 0.001  # seconds that an answer waits for the next ones, to wake the event loop once for all
_LOOKS_EVERY: Final = 0.001  # seconds
_UNIQUE_INDEX: Final = re.compile(r"index 'unique (?P<collection>\w+)\((?P<paths>[^)]*)\)'")
_PRIMARY_KEY: Final = re.compile(r"failed: (?P<collection>\w+)\.id")


@dataclass(slots=True, eq=False)
class _Order(Generic[T]):
    """One read or write that waits for its turn, a write then for the commit of its group."""

    work: Work[T]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        try:
            self.result = self.work(connection)
        except Exception as error:
            self.error = error

    def settle(self) -> None:
        if self.answer.done():  # the caller was cancelled and listens no more
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)  # pyright: ignore[reportArgumentType]


@dataclass(eq=False)
class SqliteThreads:
    """The threads and connections of one file. They start with the first call and end with `close`."""

    path: Path
    _orders: SimpleQueue[_Order[Any] | None] = field(default_factory=SimpleQueue[_Order[Any] | None])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writer: threading.Thread | None = None
    _questions: SimpleQueue[_Order[Any] | None] = field(default_factory=SimpleQueue[_Order[Any] | None])
    _readers: list[threading.Thread] = field(default_factory=list[threading.Thread])
    _closed: bool = False

    async def write(self, work: Work[T]) -> T:
        """Run `work` inside a transaction that no other process shares; returns when it is on the disk.

        `work` changes the file by one statement at most, so that its failure leaves nothing to undo and the other
        writes of its group stand. A caller that is cancelled may still have its write made.
        """
        return await self._answered(work, self._submit)

    async def read(self, work: Work[T]) -> T:
        """Run `work`, a single SELECT, on what is committed when it begins."""
        return await self._answered(work, self._ask)

    async def _answered(self, work: Work[T], hand_over: Callable[[_Order[T]], None]) -> T:
        loop = asyncio.get_running_loop()
        order: _Order[T] = _Order(work, loop, loop.create_future())
        hand_over(order)
        try:
            return await order.answer
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    async def close(self) -> None:
        """Finish what was accepted, then release the file. Later calls raise DatabaseError."""
        with self._lock:
            first, self._closed = not self._closed, True
            if first:
                for _ in self._readers:
                    self._questions.put(None)
        if first:
            await asyncio.to_thread(self._join)

    def _join(self) -> None:
        """The writer goes last: whoever closes last folds the log into the file, and a reader may not."""
        for reader in self._readers:
            reader.join()
        self._orders.put(None)
        if self._writer is not None:
            self._writer.join()

    def _submit(self, order: _Order[Any]) -> None:
        with self._lock:
            self._refuse_when_closed()
            if self._writer is None:
                self._writer = threading.Thread(target=self._serve, name=f"write {self.path.name}", daemon=True)
                self._writer.start()
            self._orders.put(order)

    def _ask(self, order: _Order[Any]) -> None:
        with self._lock:
            self._refuse_when_closed()
            while len(self._readers) < _READERS:
                name = f"read {self.path.name} {len(self._readers)}"
                self._readers.append(threading.Thread(target=self._serve_reads, name=name, daemon=True))
                self._readers[-1].start()
            self._questions.put(order)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise DatabaseError("The document store is closed")

    def _serve_reads(self) -> None:
        """One question after the other. Answers of one millisecond are delivered together: waking the loop for each
        costs as much as a short one. A long one that follows in that millisecond holds those few up."""
        connection: sqlite3.Connection | None = None
        order = self._questions.get()
        while order is not None:
            answered, until = [order], time.monotonic() + _LONGEST_HELD
            try:
                connection = connection or open_connection(self.path, read_only=True)
                order.run(connection)
                while time.monotonic() < until and (order := self._questions.get_nowait()) is not None:
                    answered.append(order)
                    order.run(connection)
            except Empty:
                pass
            except Exception as error:  # the file cannot be opened: whoever asked is told
                answered[-1].error = error
            _deliver(answered)
            order = self._questions.get() if order is not None else None
        if connection is not None:
            connection.close()

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        precedence: Precedence | None = None
        more = True
        while more and (first := self._orders.get()) is not None:
            orders = [first]
            try:
                connection = connection or _open_writer(self.path)
                precedence = precedence or Precedence(self.path)
                with precedence.turn():
                    _begin(connection)
                    more = self._let_join(orders)
                    commit(connection, orders)
            except Exception as error:  # whatever it is, nobody may be left waiting
                for order in orders:
                    order.error = error
            if connection is not None and any(_says_read_only(order.error) for order in orders):
                connection = _dropped(connection)
            _deliver(orders)
        if precedence is not None:
            precedence.close()
        if connection is not None:
            connection.close()

    def _let_join(self, orders: list[_Order[Any]]) -> bool:
        """Add the writes that came while we waited for our turn; false when there will be no more."""
        while len(orders) < _GROUP:
            try:
                order = self._orders.get_nowait()
            except Empty:
                return True
            if order is None:
                return False
            orders.append(order)
        return True


def _says_read_only(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _dropped(connection: sqlite3.Connection) -> None:
    """A connection that was opened while the disk took no writes would never take any: the next write opens another."""
    with suppress(sqlite3.Error):
        connection.close()


def _open_writer(path: Path) -> sqlite3.Connection:
    """SQLite's own wait for a turn looks again after up to a tenth of a second, and whoever writes all the time is
    always there before; `_begin` waits instead."""
    connection = open_connection(path)
    connection.execute("PRAGMA busy_timeout = 0")
    return connection


def commit(connection: sqlite3.Connection, orders: Iterable[_Order[Any]]) -> None:
    """Run the orders in the transaction that is open; one that fails by itself keeps its error and spoils no other."""
    try:
        for order in orders:
            order.run(connection)
            if not connection.in_transaction:  # a full disk, for one, makes SQLite undo everything
                raise order.error or sqlite3.OperationalError("the transaction was rolled back")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _begin(connection: sqlite3.Connection) -> None:
    """Wait for our turn among the processes that write."""
    until = time.monotonic() + sqlite_file.BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOOKS_EVERY)


def _deliver(orders: list[_Order[Any]]) -> None:
    """Wake each event loop once for all its answers."""
    for loop, answers in groupby(orders, key=lambda order: order.loop):
        settled = list(answers)
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:  # that loop was closed; nobody waits there any more
            continue


def _settle(orders: list[_Order[Any]]) -> None:
    for order in orders:
        order.settle()


def translated(error: sqlite3.Error, path: Path) -> MillraceError:
    """`error` as DuplicateError when a unique index refused a document, as DatabaseError otherwise."""
    if isinstance(error, sqlite3.IntegrityError):
        message = str(error)
        if index := _UNIQUE_INDEX.search(message):
            return duplicate(index["collection"], index["paths"].split(","))
        if key := _PRIMARY_KEY.search(message):
            return duplicate(key["collection"], ["_id"])
    return DatabaseError(f"{path.name}: {error}")
