"""Who writes to the document file first: a process that somebody waits for, before one that steps back (`nice`).

SQLite gives the file to whoever asks at the right moment. Beside lanes that write all the time, a gateway whose
webhooks wait for their commit met that moment late. The lock here is advice: it never keeps anybody from writing.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LONGEST: Final = 0.05
"""Seconds that a process steps back for others: one of them may have been stopped."""

_LOOKS_EVERY: Final = 0.001  # seconds


class Precedence:
    """This process's part in it, kept in a lock on `<document file>-first`. Belongs to one thread; `close` ends it.

    Where that file cannot be made there is no precedence.
    """

    def __init__(self, path: Path) -> None:
        self._steps_back = os.getpriority(os.PRIO_PROCESS, 0) > 0
        self._lock: int | None = None
        with suppress(OSError):
            self._lock = os.open(f"{path}-first", os.O_CREAT | os.O_RDWR, 0o600)

    @contextmanager
    def turn(self) -> Generator[None]:
        """Around asking for the file and writing to it."""
        if self._lock is None:
            yield
        elif self._steps_back:
            self._let_others_go(self._lock)
            yield
        else:
            with suppress(BlockingIOError):  # somebody looks just now, and may have been stopped: go all the same
                fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @staticmethod
    def _let_others_go(lock: int) -> None:
        """Whoever goes first shares the lock; nobody does when it can be had alone."""
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOOKS_EVERY)
                continue
            fcntl.flock(lock, fcntl.LOCK_UN)
            return
