"""Running jobs in the process that accepts them, for a stack whose queue is switched off."""

from __future__ import annotations

import asyncio

from deployments.job_handler import JobHandler
from spine.contracts.conversations import Dispatched, MessageRequest
from spine.contracts.jobs import Job
from spine.services import current_services


async def answer_in_place(request: MessageRequest, idempotency_key: str | None) -> Dispatched:
    """A message answered by this very process, while its caller waits."""
    from flows.conversation import run_here
    from tasks.conversation.dispatching import dispatch

    return await dispatch(current_services(), request, run_here, idempotency_key=idempotency_key)


class InPlaceStarter:
    """A `JobStarter` without a queue: the same job record and progress, run by this very process.

    What runs here ends with the process; the ledger's lease then runs out and the job is due for another attempt.
    """

    def __init__(self, handler: JobHandler) -> None:
        self._handler = handler
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, job: Job) -> None:
        if job.job_id in self._handler.running:
            return
        work = asyncio.create_task(self._handler(job.job_id), name=f"in place {job.job_id}")
        self._running.add(work)
        work.add_done_callback(self._running.discard)

    async def close(self) -> None:
        await self._handler.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
