"""Handing a stored job over to what runs it. The record is the truth: a queue that is down delays, it loses nothing."""

from __future__ import annotations

import asyncio
import logging

from gateway.context import GatewayContext
from spine.contracts.jobs import Job, JobStatus
from spine.errors import RetryableError
from spine.progress import announce_state

HAND_OVER_SECONDS = 2.0
"""How long an answer waits for the queue; after that the sweeper hands the job over."""

_logger = logging.getLogger("millrace.gateway")


async def hand_over(context: GatewayContext, job: Job) -> None:
    """Tell watchers that the job waits and start it. Never raises: the job is stored and will be started."""
    if job.status is not JobStatus.PENDING:
        return
    try:
        async with asyncio.timeout(HAND_OVER_SECONDS):
            if not await context.progress.read(job.job_id, 0, 1):
                await announce_state(context.progress, job, "queued")
            await context.starter.start(job)
    except (RetryableError, TimeoutError) as error:
        reason = str(error) or "the queue is slow"
        _logger.warning("job %s is stored and the sweeper will start it: %s", job.job_id, reason)
