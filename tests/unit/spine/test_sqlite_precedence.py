"""Who writes to the document file first."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.adapters.sqlite_precedence import Precedence


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "documents.sqlite3"


def one(file: Path, monkeypatch: pytest.MonkeyPatch, *, niceness: int) -> Precedence:
    def told(_which: int, _who: int) -> int:
        return niceness

    monkeypatch.setattr(os, "getpriority", told)
    return Precedence(file)


def _refuse(_: float) -> None:
    pytest.fail("it waited")


def test_a_process_that_steps_back_waits_while_another_one_writes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = one(file, monkeypatch, niceness=0), one(file, monkeypatch, niceness=10)
    order: list[str] = []

    def write() -> None:
        with last.turn():
            order.append("last")

    with first.turn():
        writing = threading.Thread(target=write)
        writing.start()
        time.sleep(0.005)
        order.append("first")
    writing.join()
    assert order == ["first", "last"]


def test_it_steps_back_for_a_moment_only(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = one(file, monkeypatch, niceness=0), one(file, monkeypatch, niceness=10)
    with first.turn(), last.turn():
        pass  # the other one may have been stopped in the middle of its turn


def test_nobody_waits_for_a_process_that_was_stopped_while_it_looked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = one(file, monkeypatch, niceness=0)
    with file.with_name(f"{file.name}-first").open() as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with first.turn():
            pass


@pytest.mark.parametrize("niceness", [0, 10])
def test_processes_of_one_kind_do_not_wait_for_each_other_here(
    file: Path, monkeypatch: pytest.MonkeyPatch, niceness: int
) -> None:
    one_of_them, other = (one(file, monkeypatch, niceness=niceness) for _ in range(2))
    monkeypatch.setattr(time, "sleep", _refuse)
    with one_of_them.turn(), other.turn():
        pass


def test_a_turn_that_ends_with_an_error_is_given_back(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = one(file, monkeypatch, niceness=0), one(file, monkeypatch, niceness=10)
    with pytest.raises(ValueError, match="no room"), first.turn():
        raise ValueError("no room")
    monkeypatch.setattr(time, "sleep", _refuse)
    with last.turn():
        pass


async def test_where_its_file_cannot_be_made_everybody_writes_all_the_same(file: Path) -> None:
    file.with_name("documents.sqlite3-first").mkdir()
    documents = open_sqlite_documents(file)
    await documents.insert("jobs", {"_id": "1"})
    assert await documents.count("jobs") == 1
    await documents.close()
