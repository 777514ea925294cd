"""What is saved of a home, and when saving or restoring is refused."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from deployments.backup.archive import pack
from deployments.backup.documents_copy import copy_documents, require_empty
from deployments.backup.home_files import SET_ASIDE, copy_home, entries_with_data
from deployments.backup.restoring import restore
from deployments.backup.saving import save
from deployments.backup.vectors_copy import load_vectors, save_vectors
from deployments.stack.home import Home
from deployments.stack.secret_store import ensure_secrets
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.documents import JOBS, PROMPTS
from spine.errors import ConflictError, InvalidInputError, NotConfiguredError
from spine.settings import Settings
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    ensure_secrets(made)
    return made


def settings_of(home: Home) -> Settings:
    return Settings.model_validate({"home": home.root})


def test_files_are_copied_privately_and_what_a_server_holds_is_not(home: Home, tmp_path: Path) -> None:
    for name in ("redis", "postgres", "chroma", "models", "personas", f"{SET_ASIDE}x", ".restoring"):
        (home.root / name).mkdir()
        (home.root / name / "file").write_text(name)
    (home.root / "personas" / "link").symlink_to("/etc/passwd")
    target = tmp_path / "copy"
    target.mkdir()

    left_out = copy_home(home.root, target)

    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()) == [
        "personas/file",
        "secrets.json",
    ]
    assert (target / "personas" / "file").stat().st_mode & 0o777 == 0o600
    assert left_out == [f"1 symbolic links and special files below {home.root}"]


def test_a_database_is_copied_as_it_was_last_committed_while_others_write(home: Home, tmp_path: Path) -> None:
    live = sqlite3.connect(home.root / "keywords.sqlite3", isolation_level=None)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("CREATE TABLE kept (word TEXT)")
    live.execute("INSERT INTO kept VALUES ('committed')")
    live.execute("BEGIN IMMEDIATE")
    live.execute("INSERT INTO kept VALUES ('not yet')")
    target = tmp_path / "copy"
    target.mkdir()

    copy_home(home.root, target)

    live.execute("COMMIT")
    live.close()
    assert sorted(path.name for path in target.iterdir()) == ["keywords.sqlite3", "secrets.json"]
    with sqlite3.connect(target / "keywords.sqlite3") as copy:
        assert copy.execute("SELECT word FROM kept").fetchall() == [("committed",)]


def test_documents_go_from_any_store_to_any_other(tmp_path: Path) -> None:
    async def go() -> None:
        source, target = MemoryDocuments(), MemoryDocuments()
        for number in range(1100):  # more than two pages
            await source.insert(JOBS, {"_id": f"job-{number:05d}", "idempotency_key": str(number)})
        await source.insert(PROMPTS, {"_id": "prompt", "purpose": "article", "version": 1})

        assert await copy_documents(source, target) == 1101
        assert await copy_documents(source, target) == 1101
        assert await target.find(JOBS) == await source.find(JOBS)
        with pytest.raises(ConflictError, match="1100 documents in jobs"):
            await require_empty(target)
        await require_empty(MemoryDocuments())

    asyncio.run(go())


async def test_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    source, target = MemoryVectors(), MemoryVectors()
    entries = [Entry(f"p{number}", f"text {number}", {"work": "Hydra", "start": number}) for number in range(1203)]
    vectors = [[float(number), 1.0 / (number + 1)] for number in range(1203)]
    collection = await source.open("persona-poe-works", model="minilm", dimension=2)
    await collection.upsert(entries, vectors)
    await source.open("persona-poe-quotes", model="minilm", dimension=2)

    assert await save_vectors(source, tmp_path) == 1203
    assert await load_vectors(target, tmp_path) == 1203

    assert await target.names() == await source.names()
    restored = await target.open("persona-poe-works", model="minilm", dimension=2)
    ids = [entry.id for entry in entries]
    assert await restored.get(ids) == entries
    found = await restored.vectors(ids)
    assert [found[one] for one in ids] == [pytest.approx(vector, rel=1e-6) for vector in vectors]


async def test_a_file_that_holds_no_vectors_is_named(tmp_path: Path) -> None:
    (tmp_path / "00000-x.jsonl").write_text("not json\n")
    with pytest.raises(InvalidInputError, match="00000-x"):
        await load_vectors(MemoryVectors(), tmp_path)


async def test_saving_where_no_stack_is_says_so(tmp_path: Path) -> None:
    empty = Home(tmp_path / "empty")
    with pytest.raises(NotConfiguredError, match="There is no stack"):
        await save(empty, settings_of(empty), tmp_path / "backup.tar.gz")
    assert not (tmp_path / "backup.tar.gz").exists()


async def test_of_parts_that_were_started_by_hand_the_servers_are_left_out_by_name(tmp_path: Path) -> None:
    home, file = Home(tmp_path / "home"), tmp_path / "backup.tar.gz"
    told = {"home": home.root, "redis_url": "redis://:password@redis/0", "chroma_url": "http://chroma:8000"}
    documents = open_sqlite_documents(home.root / "documents.sqlite3")
    await documents.insert(JOBS, {"_id": "job", "idempotency_key": "key"})
    await documents.close()

    manifest = await save(home, Settings.model_validate(told), file)

    assert set(manifest.stores) == {"documents"}
    names = [line.partition(":")[0] for line in manifest.left_out]
    assert names == ["MILLRACE_REDIS_URL", "MILLRACE_DATABASE_URL", "MILLRACE_CHROMA_URL"]
    assert "password" not in manifest.model_dump_json()
    again = Home(tmp_path / "again")
    await restore(file, again, Settings.model_validate({"home": again.root}))
    assert (again.root / "documents.sqlite3").exists()


async def test_a_backup_is_kept_outside_the_home_and_replaces_nothing(home: Home, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="inside MILLRACE_HOME"):
        await save(home, settings_of(home), home.root / "backup.tar.gz")
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ConflictError, match="exists already"):
        await save(home, settings_of(home), tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


async def test_a_home_with_data_is_not_restored_into(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="--force"):
        await restore(tmp_path / "backup.tar.gz", home, settings_of(home))
    assert entries_with_data(home.root) == [home.secrets_file]


async def test_a_restore_that_is_refused_leaves_the_home_as_it_was(home: Home, tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_text("not an archive")
    kept = home.secrets_file.read_text()
    with pytest.raises(InvalidInputError, match="cannot be unpacked"):
        await restore(tmp_path / "backup.tar.gz", home, settings_of(home), force=True)
    assert home.secrets_file.read_text() == kept
    assert sorted(path.name for path in home.root.iterdir()) == ["logs", "run", "secrets.json"]


async def test_a_restore_that_is_refused_makes_no_home(tmp_path: Path) -> None:
    made = Home(tmp_path / "new" / "home")
    with pytest.raises(InvalidInputError, match="There is no backup"):
        await restore(tmp_path / "backup.tar.gz", made, settings_of(made))
    assert list(tmp_path.iterdir()) == []


async def test_a_restore_that_is_refused_leaves_a_folder_as_open_and_as_empty_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "backup.tar.gz").write_text("not an archive")
    there = Home(tmp_path / "home")
    there.root.mkdir()
    there.root.chmod(0o755)
    with pytest.raises(InvalidInputError, match="cannot be unpacked") as refused:
        await restore(tmp_path / "backup.tar.gz", there, settings_of(there))
    assert len(refused.value.message.splitlines()) == 1
    assert list(there.root.iterdir()) == []
    assert there.root.stat().st_mode & 0o777 == 0o755


async def test_a_backup_with_a_damaged_byte_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "file").write_bytes(os.urandom(200_000))
    pack(tmp_path / "content", file := tmp_path / "backup.tar.gz")
    damaged = bytearray(file.read_bytes())
    damaged[20:60] = bytes(40)
    file.write_bytes(damaged)
    with pytest.raises(InvalidInputError, match="cannot be unpacked"):
        await restore(file, home, settings_of(home), force=True)


async def test_a_home_that_somebody_holds_is_left_alone(home: Home, tmp_path: Path) -> None:
    with home.supervised(), pytest.raises(ConflictError, match="Another supervisor"):
        await restore(tmp_path / "backup.tar.gz", home, settings_of(home), force=True)
