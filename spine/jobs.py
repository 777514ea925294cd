"""The ledger of jobs: every change of a job's state is one conditional update of its stored record.

A job is leased to the process that runs it. The lease is the only authority on who runs a job: whoever
delivers the job a second time (a redelivered message, a Prefect retry, the sweeper) finds the lease and steps
back; a lease that ran out says that the process died, and the sweeper starts the next attempt.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from spine.contracts.jobs import RUNNING_STATUSES, Job, JobError, JobStatus, Usage
from spine.contracts.timestamps import iso, stamp, utc_now
from spine.documents import JOBS
from spine.due_jobs import LONGEST_WAIT, SweepTurns, due_jobs
from spine.error_texts import said
from spine.errors import ConflictError, DuplicateError, MillraceError, NotFoundError
from spine.idempotency import new_id
from spine.lease_watch import LeaseWatch
from spine.ports import Document, Documents

LEASE = timedelta(seconds=15)
"""How long a running job is believed alive after its last heartbeat (one every third of this)."""

_RUNNING = [str(status) for status in RUNNING_STATUSES]
_WAITING = [str(JobStatus.PENDING), str(JobStatus.RETRY)]
_ALL_RUNNING = 5_000


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep found: jobs to hand to the queue again, and jobs that it ended (given up, or to be cancelled)."""

    restart: list[Job]
    dead: list[Job]


class JobLedger:
    """Reads and writes `jobs`. Holds no state of its own."""

    def __init__(self, documents: Documents, lease: timedelta = LEASE) -> None:
        self._documents = documents
        self.lease = lease

    # -- beginning ---------------------------------------------------------------------------------------

    async def create(
        self,
        pipeline: str,
        subject_id: str,
        *,
        idempotency_key: str | None = None,
        params: dict[str, Any] | None = None,
        queue: str = "pipelines",
        max_attempts: int = 3,
        parent_job_id: str | None = None,
        trace_id: str = "",
        run_after: datetime | None = None,
    ) -> tuple[Job, bool]:
        """The stored job and whether it is new: a known idempotency key gives the job it made, finished or not."""
        job_id = new_id("job")
        job = Job(
            job_id=job_id,
            pipeline=pipeline,
            subject_id=subject_id,
            idempotency_key=idempotency_key or job_id,
            params=params or {},
            queue=queue,
            max_attempts=max_attempts,
            parent_job_id=parent_job_id,
            trace_id=trace_id or new_id("trace"),
            run_after=run_after,
        )
        try:
            await self._documents.insert(JOBS, to_document(job))
        except DuplicateError:
            known = await self.by_key(job.idempotency_key)
            if known is None:
                raise
            return known, False
        return job, True

    async def get(self, job_id: str) -> Job:
        document = await self._documents.get(JOBS, job_id)
        if document is None:
            raise NotFoundError(f"There is no job {job_id}.")
        return from_document(document)

    async def by_key(self, idempotency_key: str) -> Job | None:
        found = await self._documents.find(JOBS, {"idempotency_key": idempotency_key}, limit=1)
        return from_document(found[0]) if found else None

    # -- running -----------------------------------------------------------------------------------------

    async def begin(self, job_id: str, worker: str, flow_run_id: str | None = None) -> Job | None:
        """Lease the job for its next attempt; None when it is finished, not due, or leased to somebody else."""
        now = utc_now()
        return await self._change(
            {
                "_id": job_id,
                "status": {"$in": _WAITING},
                "cancel_requested": {"$ne": True},
            },
            set={
                "status": str(JobStatus.STARTED),
                "worker": worker,
                "flow_run_id": flow_run_id,
                "lease_until": iso(now + self.lease),
                "started": iso(now),
                "run_after": None,
                "progress": 0.0,
                "current_step": "",
            },
            inc={"attempts": 1},
        )

    async def heartbeat(self, job: Job) -> Job | None:
        """Renew the lease of this attempt; None when the attempt is no longer ours."""
        return await self._change(self._mine(job), set={"lease_until": iso(utc_now() + self.lease)})

    async def note_flow_run(self, job: Job, flow_run_id: str) -> Job | None:
        """The attempt as it stands now; None when it is no longer ours."""
        return await self._change(self._mine(job), set={"flow_run_id": flow_run_id})

    async def cancelled_among(self, job_ids: Collection[str]) -> list[Job]:
        """Those of the jobs that somebody asked to stop."""
        found = await self._documents.find(JOBS, {"_id": {"$in": list(job_ids)}, "cancel_requested": True})
        return [from_document(document) for document in found]

    async def progress(self, job: Job, percent: float, step: str) -> None:
        await self._change(
            self._mine(job),
            set={"status": str(JobStatus.PROGRESS), "progress": round(percent, 2), "current_step": step},
        )

    async def succeed(self, job: Job, result: dict[str, Any], usage: Usage) -> Job | None:
        ended = {"result": result, "usage": usage.model_dump(), "progress": 100.0}
        return await self._finish(job, JobStatus.SUCCESS, **ended, error=None)  # that of an earlier attempt is over

    async def fail(self, job: Job, error: JobError, usage: Usage) -> Job | None:
        return await self._finish(job, JobStatus.FAILURE, error=error.model_dump(), usage=usage.model_dump())

    async def revoke(self, job: Job, usage: Usage | None = None) -> Job | None:
        extra = {"usage": usage.model_dump()} if usage else {}
        return await self._finish(job, JobStatus.REVOKED, **extra)

    async def retry_later(
        self, job: Job, error: JobError, delay_seconds: float, usage: Usage | None = None, *, counted: bool = True
    ) -> Job | None:
        """End this attempt and make the next one due after the delay; DEAD when no attempt is left. One that is not
        `counted` leaves as many as there were."""
        spent = {"usage": usage.model_dump()} if usage else {}
        if counted and job.attempts >= job.max_attempts:
            return await self._finish(job, JobStatus.DEAD, error=error.model_dump(), **spent)
        return await self._change(
            self._mine(job),
            set={
                "status": str(JobStatus.RETRY),
                "error": error.model_dump(),
                "lease_until": None,
                "run_after": iso(utc_now() + min(timedelta(seconds=delay_seconds), LONGEST_WAIT)),
                **spent,
            },
            inc=None if counted else {"attempts": -1},
        )

    async def release(self, job: Job, delay_seconds: float = 0.0) -> Job | None:
        """Give the attempt back without counting it: the work is not to blame. It is due again after the delay."""
        due = iso(utc_now() + timedelta(seconds=delay_seconds)) if delay_seconds else None
        return await self._change(
            self._mine(job),
            set={"status": str(JobStatus.RETRY), "lease_until": None, "run_after": due},
            inc={"attempts": -1},
        )

    # -- from outside ------------------------------------------------------------------------------------

    async def cancel(self, job_id: str) -> Job:
        """Revoke a waiting job at once; ask a running one to stop (its runner sees it with the next heartbeat)."""
        waiting = await self._change(
            {"_id": job_id, "status": {"$in": _WAITING}},
            set={"status": str(JobStatus.REVOKED), "cancel_requested": True, "finished": iso(utc_now())},
        )
        if waiting is not None:
            return waiting
        running = await self._change({"_id": job_id, "status": {"$in": _RUNNING}}, set={"cancel_requested": True})
        if running is not None:
            return running
        job = await self.get(job_id)
        raise ConflictError(f"Job {job_id} has ended as {job.status}; there is nothing to cancel.")

    async def redrive(self, job_id: str) -> Job:
        """Put a dead or failed job back to work with a full set of attempts."""
        job = await self._change(
            {"_id": job_id, "status": {"$in": [str(JobStatus.DEAD), str(JobStatus.FAILURE)]}},
            set={
                "status": str(JobStatus.PENDING),
                "attempts": 0,
                "finished": None,
                "lease_until": None,
                "cancel_requested": False,
                "created": iso(stamp()),
            },
        )
        if job is None:
            state = (await self.get(job_id)).status
            raise ConflictError(f"Job {job_id} is {state}; only a DEAD or FAILURE job can be re-driven.")
        return job

    async def sweep(self, watch: LeaseWatch | None = None, limit: int = 200, turns: SweepTurns | None = None) -> Sweep:
        """Find what was acked and never started, what is due again, and what lost its process.

        Without a `watch` the wall clock alone says whose lease is over, without `turns` only the oldest `limit` of the
        waiting jobs are looked at: for a process that looks only once.
        """
        dead: list[Job] = []
        for lost in await self.lost(watch, limit):
            buried = await self._next_attempt_or_dead(lost)
            if buried is not None and buried.status.is_final:
                dead.append(buried)
        return Sweep(restart=await due_jobs(self._found, utc_now(), limit, turns or SweepTurns()), dead=dead)

    async def lost(self, watch: LeaseWatch | None = None, limit: int = 200) -> list[Job]:
        """Running jobs without a process. Whoever may have to sweep one day looks with its `watch` in every round."""
        if watch is None:
            over = {"status": {"$in": _RUNNING}, "lease_until": {"$lt": iso(utc_now())}}
            return await self._found(over, "lease_until", limit)
        leased = {"status": {"$in": _RUNNING}, "lease_until": {"$gt": ""}}  # a range of the index: the rest have none
        running = await self._found(leased, "lease_until", _ALL_RUNNING)
        lost = watch.lost({f"{job.job_id}:{job.attempts}": job.lease_until for job in running})
        return [job for job in running if f"{job.job_id}:{job.attempts}" in lost][:limit]

    async def _found(self, where: dict[str, Any], order: str, limit: int) -> list[Job]:
        return [from_document(d) for d in await self._documents.find(JOBS, where, sort=[(order, 1)], limit=limit)]

    async def _next_attempt_or_dead(self, lost: Job) -> Job | None:
        if lost.cancel_requested:
            return await self._finish(lost, JobStatus.REVOKED)
        error = JobError(
            error_class="ProcessLostError",
            message=f"The process that ran attempt {lost.attempts} ({lost.worker}) stopped without a word.",
            step=lost.current_step,
            retryable=True,
            error_code="process_lost",
        )
        return await self.retry_later(lost, error, delay_seconds=0)

    # -- helpers -----------------------------------------------------------------------------------------

    def _mine(self, job: Job) -> dict[str, Any]:
        return {"_id": job.job_id, "status": {"$in": _RUNNING}, "attempts": job.attempts, "worker": job.worker}

    async def _finish(self, job: Job, status: JobStatus, **fields: Any) -> Job | None:
        values = {"status": str(status), "finished": iso(utc_now()), "lease_until": None, **fields}
        return await self._change(self._mine(job), set=values)

    async def _change(
        self, where: dict[str, Any], *, set: dict[str, Any], inc: dict[str, int] | None = None
    ) -> Job | None:
        document = await self._documents.update(JOBS, where, set=set, inc=inc)
        return from_document(document) if document is not None else None


def to_document(job: Job) -> Document:
    fields = job.model_dump(mode="json")
    return {"_id": fields.pop("job_id"), **fields}


def from_document(document: Document) -> Job:
    fields = dict(document)
    return Job(job_id=fields.pop("_id"), **fields)


def describe(error: BaseException, step: str = "") -> JobError:
    """An exception as a job remembers it; unknown ones are counted as permanent."""
    known = isinstance(error, MillraceError)
    return JobError(
        error_class=type(error).__name__,
        message=said(error) or type(error).__name__,
        step=step,
        retryable=known and error.retryable,
        error_code=error.error_code if known else "unexpected",
    )
