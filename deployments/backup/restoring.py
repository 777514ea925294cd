"""Makes a stack's home from a backup: checked first, filled beside what is there, moved into place at the end."""

from __future__ import annotations

import asyncio
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from deployments.backup import postgres_dump
from deployments.backup.archive import unpack
from deployments.backup.documents_copy import copy_documents, require_empty
from deployments.backup.home_files import SET_ASIDE, entries_with_data
from deployments.backup.manifest import Manifest, read_manifest, verify
from deployments.backup.redis_snapshot import APPEND_ONLY
from deployments.backup.saving import DOCUMENTS, HOME, POSTGRES, PREFECT_SQLITE, REDIS, VECTORS
from deployments.backup.vectors_copy import load_vectors
from deployments.stack.chroma_server import chroma_part, chroma_url
from deployments.stack.control import running_state
from deployments.stack.home import PRIVATE_DIRECTORY, Home
from deployments.stack.leftovers import end_leftovers
from deployments.stack.ports_choice import choose_ports
from deployments.stack.postgres_server import binaries_for, find_postgres, postgres_part, postgres_url
from deployments.stack.prefect_server import SQLITE_FILE
from deployments.stack.secret_store import load_secrets
from deployments.stack.serving import serving
from deployments.stack.state import load_state
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.timestamps import utc_now
from spine.errors import ConflictError, NotConfiguredError
from spine.services import open_documents
from spine.settings import Settings

_DRAFT: Final = ".restoring"


async def restore(file: Path, home: Home, settings: Settings, *, force: bool = False) -> Manifest:
    """Make `home` what it was when `file` was saved; what was in it. The stack is not started.

    With MILLRACE_MONGO_URL the documents go there, into an empty database. With `force` what the home holds is set
    aside in a folder `before-restore-…` of it, never deleted. Raises `ConflictError` when the home is in use or holds
    data, `InvalidInputError` for a damaged backup, `NotConfiguredError` when PostgreSQL is missing that the backup
    needs; the home is then as it was before.
    """
    if running_state(home) is not None:
        raise ConflictError(f"A stack runs in {home.root}: stop it first, with `millrace down`.")
    _require_room(home, force)
    with _prepared(home), _draft(home) as draft:
        end_leftovers(load_state(home))
        saved = draft / "saved"
        saved.mkdir(mode=PRIVATE_DIRECTORY)
        await asyncio.to_thread(unpack, file, saved)
        manifest = read_manifest(saved)
        await asyncio.to_thread(verify, saved, manifest)
        made = Home(saved / HOME)
        await _fill(saved, made, settings)
        _put_in_place(made, home)
    return manifest


@contextmanager
def _prepared(home: Home) -> Generator[None]:
    """Hold the home, made if missing. When nothing is restored, what was made for it goes again."""
    folders = (home.logs, home.run, home.root, *home.root.parents)
    missing = [folder for folder in folders if not folder.exists()]
    mode = home.root.stat().st_mode if home.root.exists() else None
    home.prepare()
    with home.supervised():
        try:
            yield
        except BaseException:
            if home.run in missing:
                home.lock_file.unlink(missing_ok=True)
            with suppress(OSError):  # a folder that is not empty is somebody's
                for folder in missing:
                    folder.rmdir()
            if mode is not None:
                home.root.chmod(stat.S_IMODE(mode))
            raise


def _require_room(home: Home, force: bool) -> None:
    found = entries_with_data(home.root)
    if found and not force:
        raise ConflictError(
            f"{home.root} holds a stack's data ({', '.join(path.name for path in found[:4])}…): name another "
            "MILLRACE_HOME, or use --force, which sets that data aside in a folder there."
        )


@contextmanager
def _draft(home: Home) -> Generator[Path]:
    """A folder inside the home, so that moving into place is renaming; what a killed restore left goes first."""
    draft = home.root / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=PRIVATE_DIRECTORY)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


async def _fill(saved: Path, made: Home, settings: Settings) -> None:
    """Put into the home that is made what its servers held."""
    made.prepare()
    _place(saved / REDIS, made.root / "redis" / APPEND_ONLY)
    _place(saved / PREFECT_SQLITE, made.root / "prefect" / SQLITE_FILE)
    if (saved / POSTGRES).exists():
        await _load_postgres(saved / POSTGRES, made)
    if (saved / VECTORS).exists():
        await _load_vectors(saved / VECTORS, made)
    if settings.mongo_url is not None:
        await _move_documents(saved / DOCUMENTS, settings)


def _place(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        source.rename(target)


async def _load_postgres(dump: Path, made: Home) -> None:
    installed = find_postgres()
    if not installed:
        raise NotConfiguredError(
            "The backup holds Prefect's PostgreSQL, and none is installed here: install postgresql.", what="postgres"
        )
    password, port = load_secrets(made).postgres_password, choose_ports(["postgres"], {})["postgres"]
    async with serving([postgres_part(made, password, port, installed)], made):
        binaries = binaries_for(made.root / "postgres", installed)
        await postgres_dump.load(binaries, postgres_url(password, port), dump)


async def _load_vectors(folder: Path, made: Home) -> None:
    port = choose_ports(["chroma"], {})["chroma"]
    async with serving([chroma_part(made, port)], made):
        vectors = ChromaVectors(chroma_url(port))
        try:
            await load_vectors(vectors, folder)
        finally:
            await vectors.close()


async def _move_documents(file: Path, settings: Settings) -> None:
    source, target = open_sqlite_documents(file), open_documents(settings)
    try:
        await require_empty(target)
        await copy_documents(source, target)
    finally:
        await source.close()
        await target.close()
    await asyncio.to_thread(file.unlink)


def _put_in_place(made: Home, home: Home) -> None:
    """Set aside what was there, then move what was made. The state of an earlier run is void."""
    if entries_with_data(home.root):
        aside = home.root / f"{SET_ASIDE}{utc_now():%Y%m%dT%H%M%SZ}"
        aside.mkdir(mode=PRIVATE_DIRECTORY)
        for path in entries_with_data(home.root):
            path.rename(aside / path.name)
    for name in ("stack.json", "environment.json", "settled.json"):
        (home.run / name).unlink(missing_ok=True)
    for path in made.root.iterdir():
        if path.name not in ("run", "logs"):
            path.rename(home.root / path.name)
