"""Opening the document file: write-ahead log, layout version and the SQL functions that queries need."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from spine.adapters.sqlite_queries import same_json
from spine.errors import DatabaseError

BUSY_SECONDS: Final = 30.0
"""How long a call waits for another process that is writing."""

CACHE_KILOBYTES: Final = 16 * 1024
"""Pages that a connection keeps at most. Counting 100,000 documents takes 0.04 ms from here; from the file, as with
SQLite's own 2 MB, 1 ms."""

LAYOUT: Final[tuple[str, ...]] = ("CREATE TABLE _schema_version (version INTEGER NOT NULL, applied TEXT NOT NULL)",)
"""The steps that lead from an empty file to the present layout; step N makes version N. Append, never edit.

Tables of collections and their indexes are not part of it: they are made when they are first used.
"""


def open_connection(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the file at `path`, made for its owner only and brought to the present layout.

    Raises DatabaseError when a newer Millrace wrote the file or the disk cannot hold a write-ahead log.
    """
    _create(path)
    connection = _connect(path)
    try:
        _use_write_ahead_log(connection, path)
        # A job is acked on the strength of a commit, so a commit is on the disk; commits come in groups.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
        _check_layout(connection, path)
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_layout(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > len(LAYOUT):
        raise DatabaseError(
            f"{path} was written by a newer Millrace (layout {version}; this one knows {len(LAYOUT)}): "
            "upgrade Millrace, or point MILLRACE_HOME at another folder"
        )
    if version < len(LAYOUT):
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that are still missing once the file is ours: another process may have been faster."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        for number, step in enumerate(LAYOUT[version:], start=version + 1):
            connection.execute(step)
            connection.execute(
                "INSERT INTO _schema_version VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", (number,)
            )
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _version(connection: sqlite3.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_schema_version'").fetchone():
        return 0
    return int(connection.execute("SELECT max(version) FROM _schema_version").fetchone()[0])


def _create(path: Path) -> None:
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusively: closing a second descriptor of a file that is open here would drop SQLite's locks on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseError(f"{path} cannot be made: {error.strerror}") from error


def _connect(path: Path) -> sqlite3.Connection:
    # A connection stays on its thread, except that close() comes from another one when the thread has ended.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.create_function("same_json", 2, same_json, deterministic=True)
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError:
            # Several processes that open a new file at once can be refused here without SQLite's own wait.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise DatabaseError(f"{path} is on a disk without support for write-ahead logging: use a local disk")
