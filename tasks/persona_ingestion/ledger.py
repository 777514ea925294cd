"""Remembers which texts of a collection were taken, on disk, so that memory stays flat while the corpus grows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.persona_ingestion.duplicates import NEAR, Hashes, band_keys, similarity, sketch

_SCHEMA = """
CREATE TABLE texts (hash TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE chunks (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sketches (number INTEGER PRIMARY KEY, id TEXT NOT NULL, hashes BLOB NOT NULL);
CREATE TABLE bands (key INTEGER, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID;
"""
_CACHE_KIB = 16_000
_BAND_MEMBERS = 8
_AT_ONCE = 500  # ids per question


@dataclass(frozen=True, slots=True)
class Twin:
    """The chunk that holds a text already."""

    kind: Literal["exact", "near"]
    id: str
    similarity: float


class Ledger:
    """The chunks that one run over one collection wants, in the order in which they came.

    Lives in a temporary file without a name, which the system removes when the ledger is closed or its process dies.
    Use it from one thread at a time.
    """

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary database.
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA cache_size = -{_CACHE_KIB}; PRAGMA journal_mode = OFF; {_SCHEMA} BEGIN;")
        self._count = 0

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        self._db.close()

    def admit(self, chunk_id: str, content_hash: str, text: str) -> Twin | None:
        """Take the text under this id; or the twin that was taken before, and then nothing is remembered."""
        row = self._db.execute("SELECT id FROM texts WHERE hash = ?", (content_hash,)).fetchone()
        if row is not None:
            return Twin("exact", row[0], 1.0)
        hashes = sketch(text)
        bands = self._bands(hashes) if hashes is not None else {}
        if hashes is not None and (twin := self._near(hashes, bands)) is not None:
            return twin
        self._db.execute("INSERT INTO texts VALUES (?, ?)", (content_hash, chunk_id))
        self._db.execute("INSERT OR IGNORE INTO chunks VALUES (?)", (chunk_id,))
        if hashes is not None:
            self._remember(chunk_id, hashes, bands)
        self._count += 1
        return None

    def wanted(self, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that were taken."""
        asked = list(ids)
        found: set[str] = set()
        for begin in range(0, len(asked), _AT_ONCE):
            some = asked[begin : begin + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found.update(row[0] for row in self._db.execute(f"SELECT id FROM chunks WHERE id IN ({marks})", some))  # noqa: S608 - only marks
        return found

    def _bands(self, hashes: Hashes) -> dict[int, list[int]]:
        """For each of the text's bands the first texts that share it: no more are kept, so that a phrase which is
        everywhere costs no more."""
        keys = band_keys(hashes)
        found: dict[int, list[int]] = {key: [] for key in keys}
        marks = ",".join("?" * len(keys))
        for key, number in self._db.execute(f"SELECT key, number FROM bands WHERE key IN ({marks})", keys):  # noqa: S608 - only marks
            found[key].append(number)
        return found

    def _near(self, hashes: Hashes, bands: dict[int, list[int]]) -> Twin | None:
        """The most alike; of equals the oldest, so that the same sources give the same twins in every run."""
        best: Twin | None = None
        for number in sorted({number for members in bands.values() for number in members}):
            chunk_id, stored = self._sketch(number)
            alike = similarity(hashes, np.frombuffer(stored, hashes.dtype))
            if alike >= NEAR and (best is None or alike > best.similarity):
                best = Twin("near", chunk_id, alike)
            if alike == 1.0:
                break
        return best

    def _sketch(self, number: int) -> tuple[str, bytes]:
        return self._db.execute("SELECT id, hashes FROM sketches WHERE number = ?", (number,)).fetchone()

    def _remember(self, chunk_id: str, hashes: Hashes, bands: dict[int, list[int]]) -> None:
        stored = self._db.execute("INSERT INTO sketches (id, hashes) VALUES (?, ?)", (chunk_id, hashes.tobytes()))
        open_bands = [(key, stored.lastrowid) for key, members in bands.items() if len(members) < _BAND_MEMBERS]
        self._db.executemany("INSERT INTO bands VALUES (?, ?)", open_bands)
