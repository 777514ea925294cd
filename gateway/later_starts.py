"""Handing over jobs after their webhook was acknowledged, so that the queue's pace is not the ack's."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from gateway.context import GatewayContext
from gateway.starting import HAND_OVER_SECONDS
from spine.contracts.jobs import Job
from spine.errors import RetryableError
from spine.progress import announce_state

_logger = logging.getLogger("millrace.gateway")

TOGETHER = 100
PAUSE_SECONDS = 0.02
"""Between two groups: what a hand-over costs is shared by those that come meanwhile. The first one does not wait."""

MOST_WAITING = 2_000
"""Above this a queue is down or far behind; what is not handed over here is found by the sweeper."""


class LaterStarts:
    """Jobs on their way to the queue, in groups. They are stored already: what is lost here is only time."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._jobs: deque[Job] = deque()
        self._handing: asyncio.Task[None] | None = None

    def add(self, job: Job) -> None:
        """Start a job that was stored just now."""
        if len(self._jobs) >= MOST_WAITING:
            _logger.warning("job %s is stored and the sweeper will start it: the queue is slow", job.job_id)
            return
        self._jobs.append(job)
        if self._handing is None or self._handing.done():
            self._handing = asyncio.create_task(self._hand_over(), name="hand over")

    async def close(self) -> None:
        """Give those on their way a moment to arrive."""
        if self._handing is not None:
            await asyncio.wait([self._handing], timeout=HAND_OVER_SECONDS)
            self._handing.cancel()

    async def _hand_over(self) -> None:
        while self._jobs:
            group = [self._jobs.popleft() for _ in range(min(TOGETHER, len(self._jobs)))]
            await asyncio.gather(*map(self._start, group))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _start(self, job: Job) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await announce_state(self._context.progress, job, "queued")
                await self._context.starter.start(job)
        except (RetryableError, TimeoutError) as error:
            reason = str(error) or "the queue is slow"
            _logger.warning("job %s is stored and the sweeper will start it: %s", job.job_id, reason)
        except Exception:  # whatever it is, it may not hold up those after it
            _logger.exception("job %s is stored and the sweeper will start it", job.job_id)
