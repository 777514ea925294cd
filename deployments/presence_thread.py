"""Announces a lane from a thread of its own: one whose event loop is busy is slow, not gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Self

from spine.errors import MillraceError
from spine.presence import LaneStatus, Presence

ANNOUNCE_EVERY = 2.0
"""Seconds; a lane that misses five in a row is taken for gone."""

OpenPresence = Callable[[], AbstractAsyncContextManager[Presence]]


class PresenceThread:
    """Says from entering until leaving that the lane is there, and withdraws it then.

    Where lanes are announced may be away for a while: the next round tries again. A loop that is stuck for good is
    the business of `deployments.loop_watchdog`, which ends the process and this thread with it.

    Args:
        open_presence: Opens the place of announcements; called in the thread, its connections belong to that loop.
        status: What the lane says of itself now; called in the thread.
    """

    def __init__(
        self, open_presence: OpenPresence, status: Callable[[], LaneStatus], *, every: float = ANNOUNCE_EVERY
    ) -> None:
        self._open_presence = open_presence
        self._status = status
        self._every = every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._announce()), name="presence", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    async def _announce(self) -> None:
        async with self._open_presence() as presence:
            while not self._ending.is_set():
                with suppress(MillraceError):
                    await presence.announce(self._status())
                await asyncio.to_thread(self._ending.wait, self._every)
            with suppress(MillraceError):
                await presence.withdraw(self._status())
