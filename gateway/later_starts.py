"""Handing over jobs after their webhook was acknowledged, so that the queue's pace is not the ack's."""

from __future__ import annotations

import asyncio
import logging

from gateway.context import GatewayContext
from gateway.starting import HAND_OVER_SECONDS
from spine.contracts.jobs import Job
from spine.errors import RetryableError
from spine.progress import announce_state

_logger = logging.getLogger("millrace.gateway")

AT_ONCE = 16
MOST_WAITING = 2_000
"""Above this a queue is down or far behind; what is not handed over here is found by the sweeper."""


class LaterStarts:
    """Jobs on their way to the queue. They are stored already: what is lost here is only time."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, job: Job) -> None:
        """Start a job that was stored just now."""
        if len(self._tasks) >= MOST_WAITING:
            _logger.warning("job %s is stored and the sweeper will start it: the queue is slow", job.job_id)
            return
        task = asyncio.create_task(self._start(job), name=f"hand over {job.job_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give those on their way a moment to arrive."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=HAND_OVER_SECONDS)
        for task in list(self._tasks):
            task.cancel()

    async def _start(self, job: Job) -> None:
        async with self._places:
            try:
                async with asyncio.timeout(HAND_OVER_SECONDS):
                    await announce_state(self._context.progress, job, "queued")
                    await self._context.starter.start(job)
            except (RetryableError, TimeoutError) as error:
                reason = str(error) or "the queue is slow"
                _logger.warning("job %s is stored and the sweeper will start it: %s", job.job_id, reason)
