"""Jobs that a summary job waits for: handed to the lanes where there are some, else run in this very process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from spine.contracts.jobs import Job, JobStatus, Usage
from spine.contracts.timestamps import utc_now
from spine.errors import MillraceError, RetryableError
from spine.jobs import describe
from spine.progress import announce_state
from spine.services import Services

T = TypeVar("T")

RunHere = Callable[[Job], Awaitable[Any]]
"""Runs a leased job to its end, where no lane is there to do it."""

LOOK_EVERY = 0.5  # seconds between two looks at a job that runs elsewhere
_PATIENCE = 6  # tries, with 0.5 s, 1 s, 2 s, … between them
_WAITING = (JobStatus.PENDING, JobStatus.RETRY)
_logger = logging.getLogger("millrace.jobs")


@dataclass(frozen=True)
class ChildJobs:
    """Brings jobs to their end. Holds nothing: whoever takes over after a crash finds them in the ledger."""

    services: Services
    run_here: RunHere

    async def finish(self, job: Job) -> Job:
        """The job as it is when it has ended; survives a store that is away for half a minute."""
        if self.services.starter is None:
            return await self._here(job)
        await self._hand_over(job)
        return await self._ended(job)

    async def _hand_over(self, job: Job) -> None:
        """A queue that does not answer delays a job: the sweeper finds its record."""
        if job.status is not JobStatus.PENDING or self.services.starter is None:
            return
        await announce_state(self.services.progress, job, "queued")
        with suppress(RetryableError):
            await self.services.starter.start(job)

    async def _ended(self, job: Job) -> Job:
        while not job.status.is_final:
            await asyncio.sleep(LOOK_EVERY)
            job = await patiently(partial(self.services.ledger.get, job.job_id))
        return job

    async def _here(self, job: Job) -> Job:
        """Run the job in this process, as often as it comes back to be tried again and is due."""
        ledger = self.services.ledger
        while not job.status.is_final:
            leased = await ledger.begin(job.job_id, self.services.worker) if _is_due(job) else None
            if leased is None:
                await asyncio.sleep(LOOK_EVERY)  # it waits for its time, or another process has it
            else:
                await asyncio.create_task(self._run_leased(leased), name=f"child {job.job_id}")
            job = await ledger.get(job.job_id)
        return job

    async def _run_leased(self, job: Job) -> None:
        try:
            await self.run_here(job)
        except MillraceError as error:
            await self.services.ledger.fail(job, describe(error), Usage())  # unless it has recorded its own end
        except Exception as error:
            _logger.exception("job %s met an unexpected error", job.job_id)
            await self.services.ledger.fail(job, describe(error), Usage())


def _is_due(job: Job) -> bool:
    return job.status in _WAITING and (job.run_after is None or job.run_after <= utc_now())


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
