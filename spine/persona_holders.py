"""Who holds a persona: the jobs that ingest it or a collection of it, and the proof that one of them has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from datetime import timedelta

from spine.contracts.jobs import RUNNING_STATUSES, Job, JobError, Usage
from spine.contracts.personas import Persona
from spine.contracts.timestamps import utc_now
from spine.errors import ConflictError, NotFoundError
from spine.jobs import JobLedger
from spine.lease_watch import SILENT, is_plausible


async def refuse_while_held(ledger: JobLedger, persona: Persona, mine: Collection[str], *, swept: bool) -> None:
    """`ConflictError` with `.job_id` while a job that is none of `mine` holds the persona."""
    for job_id in _holders(persona):
        if job_id not in mine and (job := await still_alive(ledger, job_id, swept=swept)) is not None:
            raise ConflictError(
                f"{persona.persona_id} is being ingested by job {job_id} ({job.status}): "
                "wait for its end, or cancel it.",
                job_id=job_id,
            )


async def still_alive(ledger: JobLedger, job_id: str, *, swept: bool) -> Job | None:
    """The job while it may still do something.

    Where jobs are `swept`, one whose process is gone may: the sweeper gives it its next attempt, or its end. Lanes that
    stay away longer than a lease must not cost an accepted ingestion. Elsewhere it is ended here.
    """
    try:
        job = await ledger.get(job_id)
    except NotFoundError:
        return None
    is_over = not swept and job.status in RUNNING_STATUSES and not _is_leased(job, ledger.lease)
    if is_over and await outlasts(ledger, job_id):  # a clock that jumps ends leases, and no process
        await ledger.fail(job, _lost(job), Usage())
        job = await ledger.get(job_id)
    return None if job.status.is_final else job


async def outlasts(ledger: JobLedger, job_id: str) -> bool:
    """Wait until it is certain whether the running job is alive; true when it has ended or its process is gone.

    Takes some seconds while it is alive, and up to a lease's time when it is not.
    """
    job = await ledger.get(job_id)
    lease, until = job.lease_until, time.monotonic() + SILENT.total_seconds()
    while job.status in RUNNING_STATUSES and (_is_leased(job, ledger.lease) or time.monotonic() < until):
        await asyncio.sleep(0.25)
        job = await ledger.get(job_id)
        if job.lease_until != lease and not job.status.is_final:
            return False
    return job.status.is_final or job.status in RUNNING_STATUSES


def _is_leased(job: Job, lease: timedelta) -> bool:
    return job.lease_until is not None and is_plausible(job.lease_until, utc_now(), lease)


def _holders(persona: Persona) -> list[str]:
    """The ingestion first, then jobs of collections that may run by themselves."""
    held = [persona.job_id, *(view.job_id for view in persona.collections.values())]
    return list(dict.fromkeys(job_id for job_id in held if job_id is not None))


def held_by(persona: Persona) -> dict[str, str | None]:
    """The condition that nobody else took the persona since it was read."""
    views = {f"collections.{name}.job_id": view.job_id for name, view in persona.collections.items()}
    return {"job_id": persona.job_id, **views}


def _lost(job: Job) -> JobError:
    return JobError(
        error_class="ProcessLostError",
        message=f"The process that ran it ({job.worker}) stopped without a word, and another ingestion was asked for.",
        step=job.current_step,
        retryable=True,
        error_code="process_lost",
    )
