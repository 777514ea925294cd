"""One scheduled piece of housekeeping as a job: the same record, progress, limits and cancel as any other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from spine.services import Services
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run

MAINTENANCE = "maintenance"
"""The pipeline of these jobs, and the queue that lanes take them from when their first process was lost."""


@asynccontextmanager
async def open_chore(services: Services, name: str, limits: TimeLimits, **params: Any) -> AsyncGenerator[JobRun]:
    """The job that a lane assigned to this flow, else a new one whose subject is the flow's `name`.

    `params` are the flow's arguments as JSON: another process starts the flow again with them.
    """
    job = assigned_job() or await adopt_job(
        services.ledger,
        services.worker,
        pipeline=MAINTENANCE,
        subject_id=name,
        queue=MAINTENANCE,
        params=params,
    )
    async with job_run(services, job, limits) as chore:
        yield chore
