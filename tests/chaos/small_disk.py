"""A disk so small that it can be filled: a file system of its own in memory for a stack's home."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MEGABYTES = 600
_PIECE = 2**20


@contextmanager
def small_disk(folder: Path) -> Generator[bool]:
    """Mount it at the folder; False where this user may not mount (then the folder is what it was)."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={MEGABYTES}m,mode=0700"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


@contextmanager
def filled(folder: Path) -> Generator[int]:
    """No byte is free on the folder's disk inside the block; gives how many were written."""
    ballast = folder / "ballast"
    written = 0
    with ballast.open("wb", buffering=0) as file:
        try:
            try:
                while written < MEGABYTES * _PIECE:
                    written += file.write(os.urandom(1) * _PIECE)
            except OSError:  # full: that is what it is for
                pass
            yield written
        finally:
            ballast.unlink()
