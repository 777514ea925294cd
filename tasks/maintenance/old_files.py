"""Files that nobody will read again: stages' results kept without Redis, logs that were moved aside."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from os import stat_result
from pathlib import Path

from tasks.maintenance.leftovers import Leftover

RESULT = re.compile(r".+")
ROTATED_LOG = re.compile(r".+\.log\.\d+")


def old_files(folder: Path, names: re.Pattern[str], older_than: timedelta, now: datetime) -> list[Leftover]:
    """Regular files below `folder` whose whole name matches and that were last written before `now - older_than`.

    Nothing that a link points to is looked at; a folder that does not exist holds no files.
    """
    limit = (now - older_than).timestamp()
    return [
        Leftover(name=str(path), why=f"last written {_day(found.st_mtime)}", bytes=found.st_size)
        for path, found in _regular_files(folder)
        if names.fullmatch(path.name) and found.st_mtime < limit
    ]


def remove_files(folder: Path, files: Sequence[Leftover]) -> int:
    """Delete them; says how many were still there. A file outside `folder` is left alone."""
    removed = 0
    for file in files:
        path = Path(file.name)
        if path.is_relative_to(folder) and ".." not in path.parts and path.is_file():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _regular_files(folder: Path) -> Iterator[tuple[Path, stat_result]]:
    if folder.is_symlink():
        return
    for path in sorted(folder.rglob("*")):
        try:
            found = path.lstat()
        except OSError:  # somebody else has removed it meanwhile
            continue
        if stat.S_ISREG(found.st_mode):
            yield path, found


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
