"""A long-lived flow run in which jobs run as tasks, replaced before it grows old.

A flow run of its own costs a job 100 ms and the Prefect server a record of it; a task inside a run that is open
anyway costs some milliseconds. The runs appear in the Prefect UI under the flow's name, with the jobs' tasks in them.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")
_logger = logging.getLogger("millrace.lane")

LONGEST: Final = 15 * 60.0
"""Seconds after which the next job begins a new run; the old one ends with the last job in it."""

MOST_JOBS: Final = 5000

HoldOpen = Callable[[], Awaitable[Any]]
"""A flow whose body is `await hold_open()`."""


@dataclass
class _Run:
    """One open flow run: its context for tasks to run in, and how many do."""

    opened: asyncio.Future[contextvars.Context]
    retired: asyncio.Event = field(default_factory=asyncio.Event)
    began: float = field(default_factory=time.monotonic)
    taken: int = 0
    inside: int = 0
    flow: asyncio.Task[Any] | None = None

    def close_when_empty(self) -> None:
        if not self.inside:
            self.retired.set()


_opening: ContextVar[_Run | None] = ContextVar("millrace_open_run", default=None)


async def hold_open() -> int:
    """The body of such a flow: stays until the run is replaced and empty. Gives how many jobs ran in it.

    Called by hand, with nobody to open it, it returns at once.
    """
    run = _opening.get()
    if run is None:
        return 0
    run.opened.set_result(contextvars.copy_context())
    await run.retired.wait()
    return run.taken


class OpenRuns:
    """Keeps one flow run open and runs work inside it. Belongs to one event loop; `close` ends the run."""

    def __init__(self, flow: HoldOpen, *, longest: float = LONGEST, most_jobs: int = MOST_JOBS) -> None:
        self._flow = flow
        self._longest = longest
        self._most_jobs = most_jobs
        self._current: _Run | None = None
        self._old: set[asyncio.Task[Any]] = set()

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the coroutine inside the open run; it sees the context variables of the run, not of the caller.

        Raises what it raised, and what Prefect raises when the run cannot be opened. Cancelling this cancels it.
        """
        run = self._run()
        run.taken += 1
        run.inside += 1
        try:
            context = await asyncio.shield(run.opened)
            return await asyncio.create_task(work(), context=context.copy())
        finally:
            run.inside -= 1
            if run is not self._current:
                run.close_when_empty()

    async def close(self) -> None:
        """Replace the open run by none, and wait for the runs to end."""
        self._retire()
        if self._old:
            await asyncio.wait(self._old, timeout=10)

    def _run(self) -> _Run:
        run = self._current
        if run is None or run.taken >= self._most_jobs or time.monotonic() - run.began > self._longest:
            self._retire()
            run = self._current = self._open()
        return run

    def _open(self) -> _Run:
        run = _Run(asyncio.get_running_loop().create_future())
        token = _opening.set(run)
        try:
            run.flow = asyncio.create_task(self._hold(run), name="open flow run")
        finally:
            _opening.reset(token)
        self._old.add(run.flow)
        run.flow.add_done_callback(self._old.discard)
        return run

    async def _hold(self, run: _Run) -> None:
        """However the flow ends, jobs that wait for it hear of it, and the next job opens another."""
        try:
            await self._flow()
            if not run.opened.done():
                raise RuntimeError("the flow ended without holding its run open")
        except BaseException as error:
            if not run.opened.done():
                run.opened.set_exception(error)
                run.opened.exception()  # somebody may have given up waiting; then nobody else asks
            elif not run.retired.is_set():
                _logger.warning("an open flow run ended by itself: %s", error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            if self._current is run:
                self._current = None

    def _retire(self) -> None:
        run, self._current = self._current, None
        if run is not None:
            run.close_when_empty()


_runs: ContextVar[OpenRuns | None] = ContextVar("millrace_open_runs", default=None)


def open_runs() -> OpenRuns | None:
    """The open runs of the surrounding lane; None where each job is a flow run of its own."""
    return _runs.get()


@asynccontextmanager
async def keeping_runs_open(flow: HoldOpen) -> AsyncGenerator[OpenRuns]:
    """Inside the block, and in tasks that begin in it, jobs may share flow runs of this flow."""
    runs = OpenRuns(flow)
    token = _runs.set(runs)
    try:
        yield runs
    finally:
        with suppress(ValueError):
            _runs.reset(token)
        await runs.close()
