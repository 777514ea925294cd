"""Where one stack keeps everything: the folder `MILLRACE_HOME`, private to its owner."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spine.errors import ConflictError, NotConfiguredError

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
LEAST_ROOM = 16 * 2**20
"""Bytes; a stack that has all its folders writes a few MB while it starts. A new one takes 70 MB: `doctor` warns."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below `root`. Nothing is created before `prepare`; everything lives until the folder is removed."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        return self.run / "stack.json"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def lock_file(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def start_mark(self) -> Path:
        return self.run / "starting.lock"

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @property
    def environment_file(self) -> Path:
        return self.run / "environment.json"

    @property
    def settled_file(self) -> Path:
        return self.run / "settled.json"

    def prepare(self) -> None:
        """Create the folder and make it private; `NotConfiguredError` when it cannot be ours."""
        try:
            for folder in (self.root, self.run, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self._make_private()
        except (FileExistsError, NotADirectoryError) as error:
            raise NotConfiguredError(
                f"MILLRACE_HOME {self.root} is no folder: choose a folder that you may write to.", what="MILLRACE_HOME"
            ) from error
        except OSError as error:
            raise NotConfiguredError(
                f"MILLRACE_HOME {self.root} cannot be used ({error.strerror}): choose a folder that you may write to.",
                what="MILLRACE_HOME",
            ) from error

    def _make_private(self) -> None:
        owner = self.root.stat().st_uid
        if owner != os.geteuid():
            raise NotConfiguredError(
                f"MILLRACE_HOME {self.root} belongs to another user (uid {owner}): choose a folder of your own.",
                what="MILLRACE_HOME",
            )
        for folder in (self.root, self.run, self.logs):
            folder.chmod(PRIVATE_DIRECTORY)

    def require_room(self) -> None:
        """A start on a full disk would end in the middle, of whatever part is the first to write."""
        free = shutil.disk_usage(self.root).free
        if free < LEAST_ROOM:
            raise NotConfiguredError(
                f"There is no room in MILLRACE_HOME {self.root}: its disk has {free / 2**20:.1f} MB free, and a stack "
                f"needs {LEAST_ROOM // 2**20} MB to start. Make room, or choose another home.",
                what="MILLRACE_HOME",
            )

    @contextmanager
    def supervised(self, patience: float = 1.0) -> Generator[None]:
        """Hold the right to supervise this home; `ConflictError` when another process has it after `patience` seconds.

        The lock is the kernel's and ends with the process, however that ends.
        """
        lock = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            _lock(lock, patience, self.root)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def being_started(self) -> Generator[int]:
        """Say that a supervisor is on its way, before it has written a state; the mark's descriptor.

        A process that inherits the descriptor keeps the mark until it ends. The home must be prepared.
        """
        mark = os.open(self.start_mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(mark, fcntl.LOCK_SH)  # several may be on their way: the first of them gets the home
            yield mark
        finally:
            os.close(mark)

    def is_being_started(self) -> bool:
        """Whether a supervisor is on its way, or is there."""
        try:
            mark = os.open(self.start_mark, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(mark)
        return False


def _lock(descriptor: int, patience: float, root: Path) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConflictError(f"Another supervisor already runs the stack in {root}.") from None
            time.sleep(0.05)


def write_private(path: Path, text: str) -> None:
    """Replace the file's content in one step; a reader sees the old text or the new one. Mode 0600."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
