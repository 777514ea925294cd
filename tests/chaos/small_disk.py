"""A disk of its own for a stack's home: so small that it can be filled, and it can be locked under open files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from tempfile import TemporaryDirectory

MEGABYTES = 600
_PIECE = 2**20
_MEMORY = Path("/dev/shm")


class Disk(IntEnum):
    """What may be done to the disk under a home; each includes what stands before it."""

    OTHERS = 0
    """Nothing: others keep their files there."""
    FILLED = 1
    LOCKED = 2
    """Made read-only, also for files that are open already."""


@contextmanager
def small_disk(folder: Path) -> Generator[Disk]:
    """Mount it at the folder; without the right to mount, the folder stays what it was."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = _mount_ext4(folder) or _mount_tmpfs(folder)
    try:
        yield kind
    finally:
        if kind is not Disk.OTHERS:
            _run("umount", "--lazy", str(folder))


def _mount_ext4(folder: Path) -> Disk:
    """A file system in a file in memory. ext4 keeps even open files from being written once they are immutable."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as place:
        image = Path(place) / "disk"
        with image.open("wb") as file:
            file.truncate(MEGABYTES * _PIECE)
        made = _run("mkfs.ext4", "-q", "-m", "0", str(image)) and _run("mount", "-o", "loop", str(image), str(folder))
    if not made:
        return Disk.OTHERS
    folder.chmod(0o700)
    with suppress(OSError):
        (folder / "lost+found").rmdir()
    with locked(folder) as is_locked:
        return Disk.LOCKED if is_locked else Disk.FILLED


def _mount_tmpfs(folder: Path) -> Disk:
    options = f"size={MEGABYTES}m,mode=0700"
    return Disk.FILLED if _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)) else Disk.OTHERS


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


@contextmanager
def locked(folder: Path) -> Generator[bool]:
    """Nothing in the folder can be written, made or removed inside the block, by nobody; False where that cannot be.

    A file system with open writers cannot be remounted read-only. Making each of its files immutable comes to the same.
    SQLite's shared memory is left out: who writes to a mapped file that became immutable is killed.
    """
    _make_immutable(folder, "+i")
    try:
        yield not _takes_files(folder)
    finally:
        _make_immutable(folder, "-i")


def _make_immutable(folder: Path, change: str) -> None:
    _run("find", str(folder), "!", "-name", "*-shm", "-exec", "chattr", "-f", change, "{}", "+")


def _takes_files(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except OSError:
        return False
    (folder / "probe").unlink()
    return True


def _run(*argv: str) -> bool:
    with suppress(FileNotFoundError):
        return subprocess.run(argv, capture_output=True).returncode == 0
    return False
