"""Running jobs in the process that accepts them, for a stack whose queue is switched off."""

from __future__ import annotations

import asyncio

from deployments.job_handler import JobHandler
from deployments.live_lane.sessions import LiveSessions
from spine.contracts.jobs import Job
from spine.mailbox import MAILBOX_QUEUE


class InPlaceStarter:
    """A `JobStarter` without a queue: the same job record and progress, run by this very process.

    What runs here ends with the process; the ledger's lease then runs out and the job is due for another attempt.
    """

    def __init__(self, handler: JobHandler, sessions: LiveSessions | None = None) -> None:
        self._handler = handler
        self._sessions = sessions
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, job: Job) -> None:
        """Messages run in the order of their sessions, every other job at once."""
        if self._sessions is not None and job.queue == MAILBOX_QUEUE:
            self._sessions.offer(job)
            return
        if job.job_id in self._handler.running:
            return
        work = asyncio.create_task(self._handler(job.job_id), name=f"in place {job.job_id}")
        self._running.add(work)
        work.add_done_callback(self._running.discard)

    async def close(self) -> None:
        await self._handler.stop()
        await asyncio.gather(*self._running, return_exceptions=True)
