"""Announces a lane from a thread of its own: one whose event loop is busy is slow, not gone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from deployments.side_thread import SideThread
from spine.errors import MillraceError
from spine.presence import LaneStatus, Presence

ANNOUNCE_EVERY = 2.0
"""Seconds; a lane that misses five in a row is taken for gone."""

OpenPresence = Callable[[], AbstractAsyncContextManager[Presence]]


class PresenceThread(SideThread):
    """Says from entering until leaving that the lane is there, and withdraws it then.

    Where lanes are announced may be away for a while: the next round tries again.

    Args:
        open_presence: Opens the place of announcements; called in the thread, its connections belong to that loop.
        status: What the lane says of itself now; called in the thread.
    """

    def __init__(
        self, open_presence: OpenPresence, status: Callable[[], LaneStatus], *, every: float = ANNOUNCE_EVERY
    ) -> None:
        super().__init__("presence")
        self._open_presence = open_presence
        self._status = status
        self._every = every

    async def _work(self) -> None:
        async with self._open_presence() as presence:
            going_on = True
            while going_on:
                with suppress(MillraceError):
                    await presence.announce(self._status())
                going_on = await self._pause(self._every)
            with suppress(MillraceError):
                await presence.withdraw(self._status())
