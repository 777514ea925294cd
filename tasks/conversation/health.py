"""The health check: what this process reaches, and what the live lane answers to a job of its own."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from spine.contracts.conversations import TaskName
from spine.contracts.jobs import Job, JobStatus
from spine.errors import ExternalServiceError
from spine.services import Services
from tasks.conversation.starting import start_task
from tasks.conversation.worker_health import WorkerHealth, check_worker
from tasks.job_run import JobRun

LANE_SECONDS = 15.0
"""How long the live lane has for a job that takes milliseconds; its own limit for it is 10 s."""
_POLL_SECONDS = 0.1


async def check_health(services: Services, chore: JobRun) -> dict[str, Any]:
    """`{here, lane}`, each as `WorkerHealth` says. Raises `ExternalServiceError` when one is unwell or silent."""
    here = await check_worker(services)
    _refuse_unwell("this process", here)
    lane = await _lane_health(services, chore.job) if services.starter is not None else None
    return {"here": here.model_dump(mode="json"), "lane": lane.model_dump(mode="json") if lane else None}


async def _lane_health(services: Services, parent: Job) -> WorkerHealth:
    job, _ = await start_task(
        services,
        TaskName.WORKER_HEALTH_CHECK,
        "health-check",
        {},
        idempotency_key=f"health-check:{parent.job_id}:{parent.attempts}",
        parent_job_id=parent.job_id,
        trace_id=parent.trace_id,
    )
    deadline = time.monotonic() + LANE_SECONDS
    while not job.status.is_final:
        if time.monotonic() > deadline:
            raise ExternalServiceError(f"the live lane did not run job {job.job_id} in time", service="live lane")
        await asyncio.sleep(_POLL_SECONDS)
        job = await services.ledger.get(job.job_id)
    if job.status is not JobStatus.SUCCESS or job.result is None:
        raise ExternalServiceError(f"the live lane's health check ended as {job.status}", service="live lane")
    lane = WorkerHealth.model_validate(job.result)
    _refuse_unwell("the live lane", lane)
    return lane


def _refuse_unwell(who: str, health: WorkerHealth) -> None:
    if not health.is_well:
        ill = ", ".join(f"{name} ({reach.error})" for name, reach in health.reaches.items() if not reach.ok)
        raise ExternalServiceError(f"{who} does not reach {ill}", service=who)
