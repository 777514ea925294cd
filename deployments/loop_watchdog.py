"""Ends a process whose event loop is stuck, after telling where: code that never yields can be stopped no other way.

A loop that is slow, because the machine is overloaded, still goes from task to task; a stuck one stays in the same.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

_logger = logging.getLogger("millrace.watchdog")

STUCK_SECONDS = 15.0
"""Longer than a lane's leases: by then others believe it dead anyway."""

EXIT_STUCK = 70
"""The exit code; the supervisor starts the lane again, and the leases bring its jobs back."""

_BEATS = 10
_LAST_RESORT_SECONDS = 5.0


class LoopWatchdog:
    """Watches the loop that `beat_forever` runs in from a thread. A job that is caught again and again ends DEAD.

    Args:
        running: The ids of the jobs that run now, for the last words.
        bound: Seconds in one and the same task.
        leave: Ends the process at once, without clean-up: nothing here can be trusted to end.
    """

    def __init__(
        self,
        running: Callable[[], Sequence[str]],
        *,
        bound: float = STUCK_SECONDS,
        leave: Callable[[int], object] = os._exit,
        told: TextIO | None = None,
    ) -> None:
        self._running = running
        self._bound = bound
        self._leave = leave
        self._told = told or sys.stderr
        self._beat = time.monotonic()
        self._ended = threading.Event()

    async def beat_forever(self) -> None:
        """To be run as a task of the loop that is watched."""
        with self._watched(asyncio.get_running_loop()):
            while True:
                self._beat = time.monotonic()
                await asyncio.sleep(self._bound / _BEATS)

    @contextmanager
    def _watched(self, loop: asyncio.AbstractEventLoop) -> Generator[None]:
        self._ended.clear()
        threading.Thread(target=self._watch, args=(loop,), name="loop watchdog", daemon=True).start()
        try:
            yield
        finally:
            self._ended.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        held_by: asyncio.Task[Any] | None = None
        while True:
            slept = time.monotonic()
            # Where C code holds the interpreter's lock, this thread waits too; a thread that needs no lock then acts.
            faulthandler.dump_traceback_later(self._bound + _LAST_RESORT_SECONDS, exit=True, file=self._told)
            if self._ended.wait(self._bound / _BEATS):
                faulthandler.cancel_dump_traceback_later()
                return
            now, before, held_by = time.monotonic(), held_by, asyncio.current_task(loop)
            if held_by is not before:
                self._beat = now
            if now - slept > self._bound / 2:  # the whole process was stopped for a while, this thread too
                self._beat = now
            elif now - self._beat > self._bound:
                self._give_up(loop, now - self._beat)
                return

    def _give_up(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        stuck = asyncio.current_task(loop)
        _logger.critical(
            "the event loop has been stuck for %.0f s in %s; running: %s. The process ends, its jobs are started again",
            seconds,
            stuck.get_name() if stuck else "no task",
            ", ".join(self._running()) or "no job",
        )
        faulthandler.dump_traceback(file=self._told, all_threads=True)
        self._leave(EXIT_STUCK)
