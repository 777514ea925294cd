"""Running the jobs that another job is made of in its own process, so that no place in a queue waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from spine.contracts.jobs import Job, JobStatus, Usage
from spine.contracts.timestamps import utc_now
from spine.errors import MillraceError
from spine.jobs import describe
from spine.services import Services

RunJob = Callable[[Job], Awaitable[Any]]
"""Runs a leased job to its end."""

LOOK_EVERY = 0.5  # seconds between two looks at a job that another process has
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
        return job.run_after is None or job.run_after <= utc_now()
    return job.status is JobStatus.PENDING


async def _run_leased(services: Services, job: Job, run: RunJob) -> None:
    try:
        await run(job)
    except MillraceError as error:
        await services.ledger.fail(job, describe(error), Usage())  # unless it has recorded its own end
    except Exception as error:
        _logger.exception("job %s met an unexpected error", job.job_id)
        await services.ledger.fail(job, describe(error), Usage())
