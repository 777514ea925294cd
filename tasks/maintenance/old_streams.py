"""Progress of jobs that ended long ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from spine.contracts.jobs import FINAL_STATUSES
from spine.contracts.timestamps import iso
from spine.documents import JOBS
from spine.ports import Document, Documents, ProgressLog
from spine.progress import ProgressArchive
from tasks.maintenance.leftovers import Leftover

_TOGETHER = 500
_ENDED = frozenset(str(status) for status in FINAL_STATUSES)


async def old_streams(documents: Documents, progress: ProgressLog, kept: timedelta, now: datetime) -> list[Leftover]:
    """Streams of jobs that ended before `now - kept`, and of jobs that are not known any more."""
    if not isinstance(progress, ProgressArchive):
        return []
    ids, before = await progress.held(), iso(now - kept)
    found: list[Leftover] = []
    for start in range(0, len(ids), _TOGETHER):
        some = ids[start : start + _TOGETHER]
        jobs = {job["_id"]: job for job in await documents.find(JOBS, {"_id": {"$in": some}})}
        found += [Leftover(name=id, why=why) for id in some if (why := reason_to_forget(jobs.get(id), before))]
    return found


def reason_to_forget(job: Document | None, before: str) -> str | None:
    """Why a job's progress may go; None while the job goes on or has only just ended."""
    if job is None:
        return "its job is gone"
    ended = job["status"] in _ENDED and job.get("finished")
    return f"ended {job['finished'][:16]}" if ended and job["finished"] < before else None


async def remove_streams(progress: ProgressLog, found: Sequence[Leftover]) -> int:
    return await progress.forget([leftover.name for leftover in found]) if isinstance(progress, ProgressArchive) else 0
