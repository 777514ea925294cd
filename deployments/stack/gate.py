"""The gate of a part that is launched early: it loads its code while what it needs is still starting, and waits here.

Loading takes a part seconds of one processor; those that it waits for leave half of two unused meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager

GATE_MARK = "MILLRACE_WAITS_AT_GATE"
"""In the environment of a part that is to wait; nobody else does."""

NeedsMet = Callable[[], Awaitable[None]]


class Gate:
    """The supervisor's side of one part's gate: open, but for the time of `closed_until`."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    @contextmanager
    def closed_until(self, needs_met: NeedsMet | None) -> Generator[None]:
        """Closed until `needs_met` returns; None leaves it open."""
        if needs_met is None:
            yield
            return
        self._open.clear()
        opening = asyncio.create_task(self._open_when(needs_met))
        try:
            yield
        finally:
            opening.cancel()

    async def _open_when(self, needs_met: NeedsMet) -> None:
        await needs_met()
        self._open.set()

    async def let_through(
        self, process: asyncio.subprocess.Process, variables: Callable[[], Mapping[str, str]]
    ) -> None:
        """Let a process that was launched with an open input go on once the gate is open, and tell it what has been
        settled by then."""
        assert process.stdin is not None
        await self._open.wait()
        process.stdin.write(json.dumps(dict(variables())).encode() + b"\n")
        process.stdin.close()


def wait_at_gate() -> None:
    """Return when the supervisor lets this process go on, with what it was told in the environment.

    Returns at once where nobody asked it to wait. Ends the process when the supervisor has gone.
    """
    if os.environ.pop(GATE_MARK, None) is None:
        return
    told = sys.stdin.buffer.readline()
    if not told.endswith(b"\n"):
        sys.exit("the supervisor has ended")
    os.environ.update(json.loads(told))
