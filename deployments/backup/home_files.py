"""Which files of a home are saved as they are, and how: databases by SQLite's own online copy, the rest by reading."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from deployments.stack.home import PRIVATE_DIRECTORY, PRIVATE_FILE

SET_ASIDE: Final = "before-restore-"
"""Folders of this name keep what a forced restore found; they are no part of the stack."""

NOT_SAVED: Final = frozenset({"run", "logs", "models", "redis", "postgres", "chroma", "prefect"})
"""Entries of a home that are made anew at each start, or that a server holds and is asked for."""

_SQLITE: Final = ".sqlite3"
_COMPANIONS: Final = ("-wal", "-shm", "-journal", "-first")


def entries_with_data(home: Path) -> list[Path]:
    """What a restore into this home would meet: everything but what every command makes, and what was set aside."""
    if not home.is_dir():
        return []
    return sorted(path for path in home.iterdir() if path.name not in ("run", "logs") and not _is_scratch(path.name))


def _is_scratch(name: str) -> bool:
    return name.startswith((SET_ASIDE, "."))


def copy_home(home: Path, target: Path, without: frozenset[str] = frozenset()) -> list[str]:
    """Copy what is saved as files, but the entries `without`; a line for each kind of thing that was left out.

    A running stack may go on meanwhile.
    """
    links = 0
    for entry in sorted(home.iterdir()):
        if entry.name in NOT_SAVED | without or _is_scratch(entry.name):
            continue
        links += _copy(entry, target / entry.name)
    return [f"{links} symbolic links and special files below {home}"] if links else []


def _copy(source: Path, target: Path) -> int:
    """Copy one entry of the home; how many links and special files it left out."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir(mode=PRIVATE_DIRECTORY)
        return sum(_copy(child, target / child.name) for child in _children(source))
    if source.name.endswith(_SQLITE):
        copy_sqlite(source, target)
        return 0
    if source.name.endswith(tuple(_SQLITE + companion for companion in _COMPANIONS)):
        return 0
    return _copy_plain(source, target)


def _children(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except FileNotFoundError:  # an agent tidies its folder while the stack runs
        return


def _copy_plain(source: Path, target: Path) -> int:
    try:
        mode = source.lstat().st_mode
        if not stat.S_ISREG(mode):
            return 1
        with source.open("rb") as read, os.fdopen(_new(target), "wb") as written:
            shutil.copyfileobj(read, written)
        target.chmod(PRIVATE_FILE | (mode & stat.S_IXUSR))
    except FileNotFoundError:
        return 0
    return 0


def copy_sqlite(source: Path, target: Path) -> None:
    """One moment of a database, whatever others write to it meanwhile. They are not held up: it is in WAL mode."""
    os.close(_new(target))
    live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    with closing(live), closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
