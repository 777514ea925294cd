"""One log file per part, private and bounded; what the parts print goes straight into it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from deployments.stack.home import PRIVATE_FILE
from spine.contracts.timestamps import iso, utc_now

ROTATE_BYTES = 10_000_000
KEPT = 3


_BEGINNING = "-- started "


def open_log(path: Path) -> int:
    """A descriptor that appends to the log, mode 0600, below a line that says when; the caller closes it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
    with suppress(OSError):  # on a full disk a part starts without this line
        os.write(descriptor, f"{_BEGINNING}{iso(utc_now())}\n".encode())
    return descriptor


def rotate(path: Path, limit: int = ROTATE_BYTES, kept: int = KEPT) -> bool:
    """Move what has been written aside as `NAME.log.1` (… `.kept`) once the log is longer than `limit` bytes.

    The writers hold the file open and append, so its content is copied and the file emptied in place: a line that is
    written between the two is lost. Returns whether it was rotated.
    """
    try:
        if path.stat().st_size <= limit:
            return False
        for number in range(kept - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        copy = path.with_name(f"{path.name}.1")
        shutil.copyfile(path, copy)
        copy.chmod(PRIVATE_FILE)
        os.truncate(path, 0)
    except OSError:  # a full disk must not end the supervisor
        return False
    return True


def last_lines(path: Path, count: int = 15) -> list[str]:
    """The end of what was logged since the last start; empty when that is nothing."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200 * count))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    begun = max((number + 1 for number, line in enumerate(lines) if line.startswith(_BEGINNING)), default=0)
    return lines[begun:][-count:]
