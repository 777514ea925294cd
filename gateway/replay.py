"""How a job's story ends: told from its record where the stream of its events is gone or lost its end."""

from __future__ import annotations

from spine.contracts.jobs import FINAL_STATUSES, Job, JobStatus
from spine.contracts.progress import ProgressEvent
from spine.contracts.timestamps import utc_now

_FINAL = frozenset(str(status) for status in FINAL_STATUSES)


def is_end(event: ProgressEvent) -> bool:
    """Whether the event says that the job has ended (a re-driven job goes on after it)."""
    return event.type == "state" and event.status in _FINAL


def ending(job: Job, seq: int) -> ProgressEvent | None:
    """The event that the ended job's record stands for, numbered `seq`; None while the job has not ended."""
    if not job.status.is_final:
        return None
    elapsed = (job.finished - job.started).total_seconds() if job.finished and job.started else 0.0
    return ProgressEvent(
        type="state",
        job_id=job.job_id,
        subject_id=job.subject_id,
        pipeline=job.pipeline,
        progress=100.0 if job.status is JobStatus.SUCCESS else job.progress,
        current_step=job.current_step,
        status=str(job.status),
        message=job.error.message if job.error else "",
        elapsed=max(0.0, elapsed),
        eta=0.0,
        worker=job.worker or "",
        attempt=max(1, job.attempts),
        seq=seq,
        timestamp=job.finished or utc_now(),
    )
