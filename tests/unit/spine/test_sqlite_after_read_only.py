"""The document file after its disk took no writes for a while."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from spine.adapters import sqlite_threads
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.errors import DatabaseError


async def test_a_connection_that_was_opened_when_the_disk_was_read_only_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "documents.sqlite3"
    before = open_sqlite_documents(path)
    await before.insert("jobs", {"_id": "1"})

    def read_only_one(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)

    real = sqlite_threads.open_connection
    monkeypatch.setattr(sqlite_threads, "open_connection", read_only_one)
    documents = open_sqlite_documents(path)
    with pytest.raises(DatabaseError, match="readonly"):
        await documents.insert("jobs", {"_id": "2"})
    monkeypatch.setattr(sqlite_threads, "open_connection", real)
    await documents.insert("jobs", {"_id": "3"})
    assert await documents.get("jobs", "3") is not None
    await documents.close()
    await before.close()
