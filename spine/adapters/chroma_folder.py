"""Lets one Chroma server use a folder, and tells others where that server is.

The lock is the system's: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

_LOCK: Final = "server.lock"


def hold_folder(folder: Path, url: str) -> int | None:
    """Take the folder for the server at `url`; None when another one has it. Held until the process ends."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _locked(descriptor):
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, url.encode(), 0)
    return descriptor


def server_of(folder: Path) -> str | None:
    """The address of the server that uses the folder now; None when none does."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(descriptor) else os.pread(descriptor, 200, 0).decode() or None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
