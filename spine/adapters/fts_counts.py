"""How many entries of the keyword index hold a word, counted once for as long as the index stands as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterable
from typing import Final

_MOST: Final = 20_000
"""Counts that are kept, some 2 MB; then all are forgotten."""


class FtsCounts:
    """The counts of one connection, which must not write itself. They live as long as nobody writes to the file.

    FTS5 keeps no number of a word's entries: it walks the word's list, and SQLite those of a table. For ten words among
    100,000 entries that took 10 ms, and the words that cost it are those of every question.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version: int | None = None
        self._counted: dict[Hashable, int] = {}

    def entries(self, number: int) -> int:
        """Of the collection of that number."""
        self._forget_what_has_changed()
        return self._remembered(
            number, lambda: self._first("SELECT count(*) FROM entries WHERE collection = ?", number)
        )

    def holding(self, number: int, asked: Iterable[str]) -> dict[str, int]:
        """Entries of the collection by word; words that none holds are left out."""
        self._forget_what_has_changed()
        walk = f"SELECT doc FROM vocabulary_{number} WHERE term = ?"  # noqa: S608
        # A statement for each word: SQLite takes a limited number of values in one.
        found = {word: self._remembered((number, word), lambda word=word: self._first(walk, word)) for word in asked}
        return {word: count for word, count in found.items() if count}

    def _forget_what_has_changed(self) -> None:
        version = self._first("PRAGMA data_version")  # another one after each write of another connection
        if version != self._version or len(self._counted) > _MOST:
            self._counted.clear()
            self._version = version

    def _remembered(self, key: Hashable, count: Callable[[], int]) -> int:
        if key not in self._counted:
            self._counted[key] = count()
        return self._counted[key]

    def _first(self, statement: str, *values: object) -> int:
        row = self._connection.execute(statement, values).fetchone()
        return int(row[0]) if row else 0
