"""The wall clock of a stack's own processes, moved while they run, all at once; steady clocks and sleeps stay right.

A small library of ours that is loaded before all others. libfaketime, which is meant for this, makes Python's
`time.sleep` fail as soon as it is told to leave the steady clock alone. Redis, PostgreSQL and Chroma are not started
with it and keep the right time, as on another machine.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """A clock that starts right; `environment` is what a process has to be started with to go by it."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "ahead", folder / "wall_clock.so"
        self._file.write_bytes(struct.pack("=q", 0))
        self.can_be_moved = self._build()

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._file)} if self.can_be_moved else {}

    @contextmanager
    def moved(self, seconds: int) -> Iterator[None]:
        self._set(seconds)
        try:
            yield
        finally:
            self._set(0)

    def _set(self, seconds: int) -> None:
        with self._file.open("r+b", buffering=0) as file:  # the same file: processes have it mapped
            file.write(struct.pack("=q", seconds))

    def _build(self) -> bool:
        """False where there is no C compiler."""
        if (compiler := shutil.which("cc")) is None:
            return False
        argv = [compiler, "-O1", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE), "-ldl"]
        return subprocess.run(argv, capture_output=True).returncode == 0
