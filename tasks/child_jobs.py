"""Jobs that another job is made of or waits for: run in its own process, or handed to the lanes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import utc_now
from spine.due_jobs import is_due
from spine.errors import MillraceError, RetryableError
from spine.progress import announce_state
from spine.services import Services
from tasks.failed_attempts import record_failure
from tasks.job_run import InLoopKeeper

T = TypeVar("T")

RunJob = Callable[[Job], Awaitable[Any]]
"""Runs a leased job to its end."""

LOOK_EVERY = 0.5  # seconds between two looks at a job that another process has
_PATIENCE = 6  # tries, with 0.5 s, 1 s, 2 s, … between them
_logger = logging.getLogger("millrace.jobs")


async def run_to_end(services: Services, job: Job, run: RunJob) -> Job:
    """The job as it ended: run here as often as it comes back, or waited for while another process has it."""
    ledger = services.ledger
    while not job.status.is_final:
        leased = await ledger.begin(job.job_id, services.worker) if _is_free(job) else None
        if leased is None:
            await asyncio.sleep(LOOK_EVERY)
        else:
            await asyncio.create_task(_run_leased(services, leased, run), name=f"job {job.job_id}")
        job = await ledger.get(job.job_id)
    return job


def _is_free(job: Job) -> bool:
    if job.status is JobStatus.RETRY:
        return is_due(job, utc_now())
    return job.status is JobStatus.PENDING


async def _run_leased(services: Services, job: Job, run: RunJob) -> None:
    keeper = services.keeper or InLoopKeeper(services.ledger)
    try:
        with keeper.kept(job):  # until its flow does so itself: Prefect's server may make it wait
            await run(job)
    except Exception as error:
        if not isinstance(error, MillraceError):
            _logger.warning("job %s met an error that is none of ours", job.job_id, exc_info=True)
        await record_failure(services.ledger, job, error)  # unless it has recorded its own end


@dataclass(frozen=True)
class ChildJobs:
    """Jobs for the lanes where there are some, else run here. Holds nothing: whoever takes over after a crash finds
    them in the ledger."""

    services: Services
    run_here: RunJob

    async def finish(self, job: Job) -> Job:
        """The job as it ended; survives a store that is away for half a minute."""
        if self.services.starter is None:
            return await run_to_end(self.services, job, self.run_here)
        await self._hand_over(job)
        while not job.status.is_final:
            await asyncio.sleep(LOOK_EVERY)
            job = await patiently(partial(self.services.ledger.get, job.job_id))
        return job

    async def _hand_over(self, job: Job) -> None:
        """A queue that does not answer delays a job: the sweeper finds its record."""
        if job.status is not JobStatus.PENDING or self.services.starter is None:
            return
        await announce_state(self.services.progress, job, "queued")
        with suppress(RetryableError):
            await self.services.starter.start(job)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Outlasts a store that is away for half a minute; work of hours must not fail for it."""
    for attempt in range(_PATIENCE):
        try:
            return await call()
        except RetryableError:
            if attempt == _PATIENCE - 1:
                raise
        await asyncio.sleep(0.5 * 2**attempt)
    raise AssertionError("the loop returns or raises")
