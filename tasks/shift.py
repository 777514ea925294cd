"""A shift: one flow run that stays open while a lane runs many small pieces of work inside it.

A Prefect task costs 2–4 ms inside an open flow run and 100 ms with a flow run of its own. The flow's body is `serve`;
whoever opened the shift borrows its context for each piece of work, whose tasks then belong to this flow run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field

from prefect.runtime import flow_run as prefect_flow_run

from spine.errors import ConflictError

_shares: ContextVar[bool] = ContextVar("millrace_shares_run", default=False)
_offered: ContextVar[Shift | None] = ContextVar("millrace_shift", default=None)


@dataclass(eq=False)
class Shift:
    """State of one shift. It lives in the memory of the process that opened it, no longer than its flow run."""

    began: float = field(default_factory=time.monotonic)
    flow_run_id: str = ""
    items: int = 0
    """Pieces of work that were begun in it."""
    running: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _context: Context | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _closing: bool = False

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    @contextmanager
    def lent(self) -> Generator[Context]:
        """A copy of the flow run's context for one piece of work; the flow run stays open until the block ends."""
        assert self._context is not None
        self.items += 1
        self.running += 1
        try:
            yield self._context.copy()
        finally:
            self.running -= 1
            self._changed.set()

    def close(self) -> None:
        """Begin nothing more in it: the flow run ends as soon as what runs in it has ended."""
        self._closing = True
        self._changed.set()

    async def serve(self) -> dict[str, int]:
        """The body of the flow: open until closed, and then until nothing runs any more."""
        self.flow_run_id = prefect_flow_run.get_id() or ""
        self._context = copy_context()
        self.began = time.monotonic()
        self.ready.set()
        while not self._closing or self.running:
            self._changed.clear()
            await self._changed.wait()
        return {"items": self.items}


def shares_run() -> bool:
    """Whether this code was handed to a lane's open flow run: then it runs as tasks of that, not as a flow."""
    return _shares.get()


def mark_shared(context: Context) -> Context:
    """The context, told that what runs in it shares a lane's flow run (or goes without one, while there is none)."""
    context.run(_shares.set, True)
    return context


@contextmanager
def offered(shift: Shift) -> Generator[Shift]:
    """Inside the block, a lane's flow that is called serves this shift."""
    token = _offered.set(shift)
    try:
        yield shift
    finally:
        _offered.reset(token)


async def serve_shift() -> dict[str, int]:
    """What the flow of a lane does. Raises `ConflictError` when no lane opened it."""
    shift = _offered.get()
    if shift is None:
        raise ConflictError("This flow is opened by a lane, which runs its work in it; there is nothing to start here.")
    return await shift.serve()
