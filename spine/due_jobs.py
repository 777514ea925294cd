"""Which waiting jobs may begin, and in whose turn they are looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import iso

NOT_STARTED_AFTER = timedelta(seconds=10)
"""A job that is pending for longer than this is handed to the queue once more (a no-op when it is there)."""

LONGEST_WAIT = timedelta(minutes=30)
"""No attempt is put off for longer; a moment further away was written by a clock that has been put back since."""

Find = Callable[[dict[str, Any], str, int], Awaitable[list[Job]]]
"""The stored jobs that meet a condition, in the order of a field, so many at most."""


@dataclass(slots=True)
class SweepTurns:
    """Where the next look at the waiting jobs begins, for whoever sweeps again and again: after the last job of a look
    that was full, else at the oldest. So no job waits behind others that do not begin, however many these are."""

    begins: dict[str, str] = field(default_factory=dict[str, str])
    """By status, the moment at which the first of its jobs was made."""


def is_due(job: Job, now: datetime) -> bool:
    """Whether a waiting job may begin."""
    if job.run_after is None or job.run_after <= now:
        return True
    return job.status is JobStatus.RETRY and job.run_after > now + LONGEST_WAIT


async def due_jobs(find: Find, now: datetime, limit: int, turns: SweepTurns) -> list[Job]:
    """Those that were acked and never started, and those that are due again; `limit` of each are looked at."""
    pending, retrying = {"status": str(JobStatus.PENDING)}, {"status": str(JobStatus.RETRY)}
    waited = {"$lt": iso(now - NOT_STARTED_AFTER)}
    ahead = {**pending, "created": {"$gt": iso(now + NOT_STARTED_AFTER)}}  # since then the clock was put back
    found = [
        *await _next_of(find, pending, waited, limit, turns),
        *await find(ahead, "created", limit),
        *await _next_of(find, retrying, {}, limit, turns),
    ]
    return [job for job in found if is_due(job, now)]


async def _next_of(
    find: Find, where: dict[str, str], created: dict[str, str], limit: int, turns: SweepTurns
) -> list[Job]:
    """The jobs in this status whose turn it is."""
    if begins := turns.begins.pop(where["status"], None):
        created = {**created, "$gte": begins}
    found = await find({**where, **({"created": created} if created else {})}, "created", limit)
    if len(found) == limit:
        turns.begins[where["status"]] = iso(found[-1].created)
    return found
