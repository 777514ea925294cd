"""Makes a backup: everything of one stack, running or stopped, in one private file.

The documents are saved first, because they are the truth: whatever else is saved after them may know a little more, and
a job that was at work at that moment is taken up again by the sweeper of the stack that is made from the backup.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployments.backup import postgres_dump
from deployments.backup.archive import pack
from deployments.backup.documents_copy import copy_documents
from deployments.backup.home_files import copy_home, copy_sqlite
from deployments.backup.manifest import MANIFEST, Manifest, listed
from deployments.backup.own_servers import Servers, addresses, started
from deployments.backup.redis_snapshot import save_redis
from deployments.backup.vectors_copy import save_vectors
from deployments.document_store import with_settled_store
from deployments.stack.control import running_state
from deployments.stack.home import PRIVATE_DIRECTORY, Home
from deployments.stack.leftovers import end_leftovers
from deployments.stack.plan import Externals, externals_of
from deployments.stack.postgres_server import binaries_for, find_postgres
from deployments.stack.prefect_server import SQLITE_FILE
from deployments.stack.secret_store import Secrets, load_secrets
from deployments.stack.state import load_state
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.errors import ConflictError, InvalidInputError
from spine.migration_steps import store_name
from spine.services import open_documents
from spine.settings import Settings

HOME: Final = "home"
"""Folder of a backup with the files of the home."""
DOCUMENTS: Final = f"{HOME}/documents.sqlite3"
REDIS: Final = "redis.rdb"
POSTGRES: Final = "prefect.pgdump"
PREFECT_SQLITE: Final = "prefect.sqlite3"
VECTORS: Final = "vectors"
_ELSEWHERE: Final = "by hand"


@dataclass(frozen=True, slots=True)
class _Source:
    """The stack that is saved. Without secrets of its own it is one whose parts and servers were started by hand."""

    home: Home
    settings: Settings
    secrets: Secrets | None
    externals: Externals


async def save(home: Home, settings: Settings, file: Path) -> Manifest:
    """Save the stack in `home` as `file`, mode 0600; what is in it.

    Raises `NotConfiguredError` where there is no stack, `ConflictError` when the file exists or the stack is just
    starting or stopping, `InvalidInputError` for a file inside the home. Nothing is left behind then.
    """
    _check_place(home, file)
    source = _source(home, settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}-") as name:
        folder = Path(name)
        manifest = await _collect(source, folder)
        manifest.files.update(await asyncio.to_thread(listed, folder))
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        await asyncio.to_thread(pack, folder, file)
    return manifest


def _check_place(home: Home, file: Path) -> None:
    if file.is_relative_to(home.root):
        raise InvalidInputError(f"{file} is inside MILLRACE_HOME: keep backups somewhere else.")
    if file.exists():
        raise ConflictError(f"{file} exists already: choose another name, or remove it.")


def _source(home: Home, settings: Settings) -> _Source:
    if settings.redis_url is not None and not home.secrets_file.exists():
        elsewhere = Externals(settings.redis_url.get_secret_value(), _ELSEWHERE, settings.chroma_url)
        return _Source(home, settings, None, elsewhere)
    secrets, state = load_secrets(home), load_state(home)
    externals = externals_of(settings, secrets, state.ports if state else {})
    return _Source(home, with_settled_store(home, settings), secrets, externals)


async def _collect(source: _Source, folder: Path) -> Manifest:
    (folder / HOME).mkdir(mode=PRIVATE_DIRECTORY)
    async with _servers(source) as (servers, running):
        stores = {"documents": await _save_documents(source, folder / DOCUMENTS)}
        left_out = _save_files(source, folder)
        stores |= await _save_servers(source, servers, folder)
        store = await _name_of(folder / DOCUMENTS)
    return Manifest(store=store, running=running, stores=stores, left_out=[*left_out, *_elsewhere(source)])


@asynccontextmanager
async def _servers(source: _Source) -> AsyncGenerator[tuple[Servers, bool]]:
    """The servers, and whether they are those of a stack at work."""
    home = source.home
    if source.secrets is None:
        yield Servers(None, None, None), True
        return
    state = running_state(home)
    if state is not None:
        if state.state != "running":
            raise ConflictError(f"The stack in {home.root} is {state.state}: wait until it runs, or is down.")
        yield addresses(home, source.secrets, source.externals, state.ports), True
        return
    home.prepare()
    with home.supervised():
        end_leftovers(load_state(home))
        async with started(home, source.secrets, source.externals) as servers:
            yield servers, False


async def _save_documents(source: _Source, target: Path) -> str:
    if source.settings.mongo_url is None:
        if source.settings.documents_path.exists():
            await asyncio.to_thread(copy_sqlite, source.settings.documents_path, target)
        return "SQLite, one moment"
    documents, copy = open_documents(source.settings), open_sqlite_documents(target)
    try:
        return f"MongoDB, {await copy_documents(documents, copy)} documents one after the other"
    finally:
        await copy.close()
        await documents.close()


async def _name_of(file: Path) -> str | None:
    documents = open_sqlite_documents(file)
    try:
        return await store_name(documents)
    finally:
        await documents.close()


def _save_files(source: _Source, folder: Path) -> list[str]:
    left_out = copy_home(source.home.root, folder / HOME, without=frozenset({Path(DOCUMENTS).name}))
    database = source.home.root / "prefect" / SQLITE_FILE
    if database.exists():
        copy_sqlite(database, folder / PREFECT_SQLITE)
    return left_out


async def _save_servers(source: _Source, servers: Servers, folder: Path) -> dict[str, str]:
    """What the home's own servers hold, each in its own form."""
    saved: dict[str, str] = {"prefect": "SQLite, one moment"} if (folder / PREFECT_SQLITE).exists() else {}
    if servers.chroma:
        (folder / VECTORS).mkdir(mode=PRIVATE_DIRECTORY)
        vectors = ChromaVectors(servers.chroma)
        try:
            saved["vectors"] = f"Chroma, {await save_vectors(vectors, folder / VECTORS)} passages"
        finally:
            await vectors.close()
    if servers.redis:
        await save_redis(servers.redis, source.home.root / "redis", folder / REDIS)
        saved["redis"] = "snapshot, one moment"
    if servers.postgres:
        binaries = binaries_for(source.home.root / "postgres", find_postgres())
        await postgres_dump.dump(binaries, servers.postgres, folder / POSTGRES)
        saved["prefect"] = f"PostgreSQL {binaries.major} dump, one moment"
    return saved


def _elsewhere(source: _Source) -> list[str]:
    """What other people's servers and folders hold is theirs to save."""
    config, outside = source.settings, source.externals
    told = [
        ("MILLRACE_REDIS_URL", outside.redis, "stage results, progress and queues; no job is lost without them"),
        ("MILLRACE_DATABASE_URL", outside.database, "Prefect's runs, blocks and deployments"),
        ("MILLRACE_CHROMA_URL", outside.chroma, "passages of personas, which can be ingested again"),
    ]
    folders = [("MILLRACE_PERSONAS", config.personas_dir), ("MILLRACE_GRAPHS", config.graphs_dir),
               ("MILLRACE_MODULES", config.modules_dir)]  # fmt: skip
    return [
        *(f"{name}: {what}" for name, set_, what in told if set_),
        *(f"{name}: {path}" for name, path in folders if not path.is_relative_to(source.home.root)),
    ]
