"""Several processes write one document file: who comes later waits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.ports import Documents


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.sqlite3"


@pytest.fixture
async def documents(path: Path) -> Documents:
    store = open_sqlite_documents(path)
    await store.insert("jobs", {"_id": "first"})
    return store


@pytest.fixture
def other(documents: Documents, path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, as far as the file can tell, in the middle of a write."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


async def test_a_write_waits_for_its_turn(documents: Documents, other: sqlite3.Connection) -> None:
    waiting = asyncio.create_task(documents.insert("jobs", {"_id": "second"}))
    await asyncio.sleep(0.05)
    assert not waiting.done() and await documents.get("jobs", "second") is None
    other.execute("COMMIT")
    await waiting
    assert await documents.get("jobs", "second") is not None
    await documents.close()
