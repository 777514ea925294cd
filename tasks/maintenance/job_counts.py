"""How many jobs there are, by status, and how many of them wait for somebody to take them up."""

from __future__ import annotations

from spine.contracts.jobs import RUNNING_STATUSES, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS
from spine.due_jobs import NOT_STARTED_AFTER
from spine.ports import Documents


async def count_jobs(documents: Documents) -> dict[str, int]:
    """Jobs by status; `lost`: their process is gone; `overdue`: accepted and not begun. Lanes take both up within
    seconds, so that either above 0 for long says that no lane is there."""
    counts = {str(status): await documents.count(JOBS, {"status": str(status)}) for status in JobStatus}
    now = utc_now()
    running = {"status": {"$in": [str(status) for status in RUNNING_STATUSES]}}
    counts["lost"] = await documents.count(JOBS, {**running, "lease_until": {"$lt": iso(now)}})
    pending = {"status": str(JobStatus.PENDING), "created": {"$lt": iso(now - NOT_STARTED_AFTER)}}
    counts["overdue"] = await documents.count(JOBS, pending)
    return counts
