"""Answering a message in the process that took it, for a stack whose queue is switched off."""

from __future__ import annotations

import asyncio
import time

from spine.contracts.conversations import Dispatched, MessageRequest
from spine.contracts.jobs import Job, JobStatus
from spine.conversations import ConversationDesk, is_of, message_of, task_of
from spine.errors import ConflictError, ExternalServiceError, PermanentError
from spine.jobs import JobLedger
from spine.live_queues import LIMITS
from spine.ports import Documents, JobStarter

POLL_SECONDS = 0.05


class InPlaceDispatch:
    """A `DispatchMessage`: the message goes the same way as through a lane, in its session's order, and is waited for.

    Where its turn does not come in time, because earlier messages of the session take long or an attempt has to be
    repeated, it is told as queued: it is stored, runs here later, and its job holds the reply.
    """

    def __init__(
        self, documents: Documents, ledger: JobLedger, starter: JobStarter, *, patience: float | None = None
    ) -> None:
        self._desk = ConversationDesk(documents, ledger)
        self._ledger = ledger
        self._starter = starter
        self._patience = patience

    async def __call__(self, request: MessageRequest, idempotency_key: str | None) -> Dispatched:
        """Raises `ConflictError` when the key was used for another message, `ExternalServiceError` or `PermanentError`
        when the message could not be answered."""
        task = task_of(request)
        key = f"message:{idempotency_key}" if idempotency_key else None
        job, new = await self._desk.receive(message_of(request), task, idempotency_key=key)
        if not new and not is_of(job, request):
            raise ConflictError("This Idempotency-Key was used for another message.")
        if not job.status.is_final:
            await self._starter.start(job)
        return told(await self._ended(job, self._patience or LIMITS[task].hard))

    async def _ended(self, job: Job, seconds: float) -> Job:
        """The job when it has ended, or as it is after this time."""
        deadline = time.monotonic() + seconds
        while not job.status.is_final and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            job = await self._ledger.get(job.job_id)
        return job


def told(job: Job) -> Dispatched:
    """What the caller hears of the message."""
    if job.status.is_final and job.status is not JobStatus.SUCCESS:
        reason = job.error.message if job.error else f"it ended as {job.status}"
        kind = ExternalServiceError if job.error is not None and job.error.retryable else PermanentError
        raise kind(f"Message {job.job_id} was not answered: {reason}", job_id=job.job_id)
    return Dispatched(
        queued=job.status is not JobStatus.SUCCESS,
        trace_id=job.trace_id,
        task_id=job.job_id,
        job_id=job.job_id,
        response=str(job.result["text"]) if job.result else None,
    )
