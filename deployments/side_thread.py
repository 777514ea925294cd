"""Work beside a lane's event loop, in a thread with a loop of its own, so that a busy lane does not hold it up."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class SideThread(ABC):
    """Runs `_work` from entering until leaving, which waits for its end.

    A lane's loop that is stuck for good is not its business: `deployments.loop_watchdog` ends such a process, and
    this thread with it.
    """

    def __init__(self, name: str) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    @abstractmethod
    async def _work(self) -> None:
        """What the thread does; it ends soon after `_pause` has said so."""

    async def _pause(self, seconds: float) -> bool:
        """Wait that long, or less when the thread is to end. Whether it goes on."""
        return not await asyncio.to_thread(self._ending.wait, seconds)
