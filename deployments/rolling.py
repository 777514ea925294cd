"""Rolling flow runs: small pieces of work run inside a flow run that is open already and is replaced now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context
from types import TracebackType
from typing import Any, Self, TypeVar

from prefect.context import AsyncClientContext
from prefect.settings import temporary_settings

from tasks.shift import Shift, mark_shared, offered

T = TypeVar("T")
OpenFlow = Callable[..., Awaitable[Any]]

_logger = logging.getLogger("millrace.rolling")

FIRST_WAIT = 30.0
"""Seconds within which the first run of a process should be open; after that work goes on outside of one."""

CLOSE_SECONDS = 10.0
"""How long the last runs get to end, work in them included."""


class RollingRun:
    """Runs work inside the newest flow run of `flow`, and opens the next one before that is too old or too full.

    A new run takes over first, then the old one ends when what runs in it has ended: no piece of work waits for the
    change. While the Prefect server is away, work goes on in the run that is open; where there is none, outside of
    one. Either is said once. State lives in this object; use it as a context manager in one event loop.

    Args:
        flow: A flow whose body is `tasks.shift.serve_shift`.
        parameters: The flow's parameters.
        max_age: Seconds after which a run is replaced.
        max_items: Pieces of work after which a run is replaced.
        retry_seconds: Pause before the next try when a run could not be opened.
    """

    def __init__(
        self,
        flow: OpenFlow,
        *,
        parameters: Mapping[str, Any] | None = None,
        max_age: float = 600.0,
        max_items: int = 5_000,
        retry_seconds: float = 5.0,
    ) -> None:
        self._flow = flow
        self._parameters = dict(parameters or {})
        self._max_age = max_age
        self._max_items = max_items
        self._retry_seconds = retry_seconds
        self._shift: Shift | None = None
        self._shifts: dict[asyncio.Task[Any], Shift] = {}
        self._outside = copy_context()
        self._settled = asyncio.Event()
        self._worn = asyncio.Event()
        self._roller: asyncio.Task[None] | None = None
        self._holder: asyncio.Task[None] | None = None
        self._complained = False

    @property
    def flow_run_id(self) -> str | None:
        """The run that new work begins in; None when there is none now."""
        return self._shift.flow_run_id if self._shift else None

    async def run(self, work: Callable[[], Awaitable[T]], *, name: str | None = None) -> T:
        """Run `work` in the newest run and give what it gives; a cancel of the caller cancels the work.

        It sees the context variables that this object was entered with and those of the run, not the caller's. `name`
        is that of its asyncio task.
        """
        shift = self._shift
        if shift is None:
            return await _started(work, self._outside.copy(), name)
        with shift.lent() as context:
            if shift.items >= self._max_items:
                self._worn.set()
            return await _started(work, context, name)

    async def __aenter__(self) -> Self:
        """Returns when a run is open, or cannot be opened now."""
        outside: asyncio.Future[Context] = asyncio.get_running_loop().create_future()
        self._holder = asyncio.create_task(_hold_context_without_server(outside), name="outside of runs")
        self._outside = await outside
        self._roller = asyncio.create_task(self._roll(), name="rolling run")
        await _within(FIRST_WAIT, self._settled.wait())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the runs, work in them included; what does not end in time is cut off."""
        assert self._roller is not None and self._holder is not None
        self._roller.cancel()
        await asyncio.wait([self._roller])
        for shift in self._shifts.values():
            shift.close()
        runs = list(self._shifts)
        if ending := [run for run, shift in self._shifts.items() if shift.ready.is_set()]:
            await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        for run in runs:
            run.cancel()
        self._holder.cancel()
        await asyncio.gather(*runs, self._holder, return_exceptions=True)

    async def _roll(self) -> None:
        while True:
            opened = await self._open()
            self._settled.set()
            if opened is None:  # the old run stays, worn as it is
                await asyncio.sleep(self._retry_seconds)
                continue
            self._take_over(opened)
            await _within(self._max_age, self._worn.wait())

    def _take_over(self, opened: Shift) -> None:
        before, self._shift = self._shift, opened
        self._worn.clear()
        if before is not None:
            before.close()
        if self._complained:
            self._complained = False
            _logger.warning("flow runs are recorded again")

    async def _open(self) -> Shift | None:
        with offered(Shift()) as shift:
            run = asyncio.create_task(self._serve(shift), name="flow run of a lane")
        self._shifts[run] = shift
        run.add_done_callback(self._ended)
        ready = asyncio.create_task(shift.ready.wait())
        try:
            await asyncio.wait([run, ready], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        return shift if shift.ready.is_set() else None

    async def _serve(self, shift: Shift) -> None:
        """One flow run from beginning to end; an error of its record keeper is not an error of the work."""
        try:
            await self._flow(**self._parameters)
        except Exception as error:
            self._complain(shift, error)

    def _ended(self, run: asyncio.Task[Any]) -> None:
        shift = self._shifts.pop(run)
        if shift is self._shift:  # ended by somebody else: the next one is due
            self._shift = None
            self._worn.set()

    def _complain(self, shift: Shift, error: Exception) -> None:
        if not shift.ready.is_set() and not self._complained:
            self._complained = True
            where = "in the one that is open" if self._shift else "outside of one"
            _logger.warning("no flow run could be opened (%s: %s); work goes on %s", type(error).__name__, error, where)
        elif shift.ready.is_set():
            _logger.warning("the end of a flow run was not recorded (%s: %s)", type(error).__name__, error)


async def _hold_context_without_server(found: asyncio.Future[Context]) -> None:
    """Give a context in which Prefect's tasks do without its server, and keep it usable until cancelled.

    They check no version of it, keep their results in local files, and share one client: a client of its own would cost
    each of them more than all the rest. What they report is lost unless the server comes back soon.
    """
    with temporary_settings(
        {"client.server_version_check_enabled": False}, restore_defaults=["results.default_storage_block"]
    ):
        async with AsyncClientContext.get_or_create():
            found.set_result(copy_context())
            await asyncio.Event().wait()


async def _started(work: Callable[[], Awaitable[T]], context: Context, name: str | None) -> T:
    async def go() -> T:
        return await work()

    return await asyncio.create_task(go(), context=mark_shared(context), name=name)


async def _within(seconds: float, awaitable: Awaitable[Any]) -> None:
    try:
        await asyncio.wait_for(awaitable, seconds)
    except TimeoutError:
        return
