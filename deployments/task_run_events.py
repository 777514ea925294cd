"""What a lane tells Prefect's server of its task runs: how each ended, and that it runs where that takes a while.

A task run has three states, and each is an event that costs the server 2 to 4 ms of processor time: more, together,
than a lane spends on asking a model. Few of them are ever seen. A task that is pending begins in the same instant, and
the end of a task carries all that its beginning said: its names, its inputs, when it began and how long it took.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from prefect.events import Event, utilities
from prefect.events.worker import EventsWorker

_logger = logging.getLogger("millrace.lane")

HOLD_SECONDS: Final = 5.0
"""A task run that is over by then is told as one that is over: most messages, and the calls of a review."""

_TASK_RUN: Final = "prefect.task-run."
_PENDING: Final = f"{_TASK_RUN}Pending"
_RUNNING: Final = f"{_TASK_RUN}Running"


def tell_only_what_matters() -> None:
    """For all of this process, from its next event on. Prefect has no setting for it and no other place."""
    utilities.EventsWorker = TaskRunEvents  # pyright: ignore[reportPrivateImportUsage]


class TaskRunEvents(EventsWorker):
    """Prefect's own worker, without the events that a later one makes needless; all others go through at once.

    What is held back lives here, for `HOLD_SECONDS` at most: a process that is killed takes the news that a task run
    had begun along, never the news of an end. Events of a task run name no forerunner (`follows`), since the server
    would wait for one that is never sent; they are sent in order. Lives in Prefect's own event loop.
    """

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._begun: dict[str, tuple[Event, asyncio.Task[None]]] = {}
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def _lifespan(self) -> AsyncGenerator[None]:
        async with super()._lifespan():
            yield
            for key, (_, later) in list(self._begun.items()):
                later.cancel()
                await self._say_begun(key)

    async def _handle(self, event: Event) -> None:
        if not event.event.startswith(_TASK_RUN):
            await self._send(event)
            return
        event.follows = None
        self._forget(event.resource.id)
        if event.event == _PENDING:
            self._drop(event)
        elif event.event == _RUNNING:
            self._hold(event.resource.id, event)
        else:
            await self._send(event)

    def _hold(self, key: str, event: Event) -> None:
        later = asyncio.create_task(self._say_begun_later(key), name=f"begin of {key}")
        self._begun[key] = (event, later)

    def _forget(self, key: str) -> None:
        if (held := self._begun.pop(key, None)) is not None:
            event, later = held
            later.cancel()
            self._drop(event)

    def _drop(self, event: Event) -> None:
        self._context_cache.pop(event.id, None)

    async def _say_begun_later(self, key: str) -> None:
        await asyncio.sleep(HOLD_SECONDS)
        await self._say_begun(key)

    async def _say_begun(self, key: str) -> None:
        event, _ = self._begun.pop(key)
        try:
            await self._send(event)
        except Exception as error:  # the server is away, which others say; the end of the task run is told anew
            _logger.debug("that %s runs was not told: %s", key, error)

    async def _send(self, event: Event) -> None:
        """One at a time: a connection that is mended in the middle of an event must not be used by another one."""
        async with self._turn:
            await super()._handle(event)
