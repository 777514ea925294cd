"""What happens when a job reaches a process that may run it: lease it, run its flow, never let the error out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployments.lane_runs import Surround, plainly
from deployments.runners import runner_for, tell_subject
from deployments.suspects import WAIT_SECONDS, Trial
from spine.contracts.jobs import Job
from spine.errors import MillraceError
from spine.progress import announce_state
from spine.services import Services
from tasks.failed_attempts import record_failure
from tasks.job_run import assigned

_logger = logging.getLogger("millrace.lane")

CANCEL_GRACE_SECONDS = 12.0
"""For a cancelled job's flow to end by itself; an agent has ten of them."""

LONGEST_START = 120.0
"""Seconds. A flow that has not begun its own bookkeeping by then is taken for lost."""


@dataclass
class JobHandler:
    """Runs jobs in this process. `running` empties as they end; nothing of it outlives the process."""

    services: Services
    surround: Surround = plainly
    shared_run: Callable[[], str | None] = lambda: None
    """The flow run in which every job begins that is begun now; None when jobs have runs of their own."""
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])
    trial: Trial = field(default_factory=Trial)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    done: int = 0

    async def __call__(self, job_id: str) -> None:
        """Run the job's next attempt here, unless it is finished or leased to another process."""
        job = await self.services.ledger.begin(job_id, self.services.worker, self.shared_run())
        if job is None:
            return
        if not self.trial.admits(job):
            await self.services.ledger.release(job, delay_seconds=WAIT_SECONDS)
            return
        work = asyncio.create_task(self._run(job), name=f"job {job_id}")
        self.running[job_id] = work
        try:
            await asyncio.wait([work])
        finally:
            self.running.pop(job_id, None)
            self.trial.ended(job_id)
            self.done += 1
            self.ended.set()

    async def idle(self) -> None:
        """Return when nothing runs any more."""
        while self.running:
            await asyncio.wait(list(self.running.values()))

    async def stop(self) -> None:
        """End what still runs; each job goes back to the queue without losing an attempt."""
        for work in list(self.running.values()):
            work.cancel()
        if self.running:
            await asyncio.wait(list(self.running.values()), timeout=10)

    async def _run(self, job: Job) -> None:
        try:
            with self._kept(job):
                await self.surround(job, lambda: _run_flow(job))
        except asyncio.CancelledError:
            _logger.info("job %s was stopped", job.job_id)
        except MillraceError as error:
            _logger.warning("job %s ended with %s: %s", job.job_id, type(error).__name__, error)
            await self._record(job, error)
        except Exception as error:
            _logger.exception("job %s met an unexpected error", job.job_id)
            await self._record(job, error)

    @contextmanager
    def _kept(self, job: Job) -> Generator[None]:
        """Hold the lease until the flow renews it itself: when many begin at once, Prefect's server makes them wait."""
        if self.services.keeper is not None:
            with self.services.keeper.kept(job) as news:
                ending = asyncio.create_task(self._end_if_cancelled(job, news), name=f"cancel of {job.job_id}")
                try:
                    yield
                finally:
                    ending.cancel()
            return
        renewing = asyncio.create_task(self._renew_while_it_starts(job), name=f"lease of {job.job_id}")
        try:
            yield
        finally:
            renewing.cancel()

    async def _end_if_cancelled(self, job: Job, news: Awaitable[Job | None]) -> None:
        """A flow ends itself when its job is cancelled, unless it has not begun yet or does not let go."""
        if await news is None:
            return
        try:
            if (await self.services.ledger.get(job.job_id)).flow_run_id is not None:  # its flow has begun
                await asyncio.sleep(CANCEL_GRACE_SECONDS)
            ended = await self.services.ledger.revoke(job)
            if ended is not None:
                await announce_state(self.services.progress, ended, "The job was cancelled.")
                await tell_subject(self.services, ended)
        except MillraceError as error:
            _logger.warning("the cancelled job %s could not be ended: %s", job.job_id, error)
        if (work := self.running.get(job.job_id)) is not None:
            work.cancel()

    async def _renew_while_it_starts(self, job: Job) -> None:
        ledger, until = self.services.ledger, time.monotonic() + LONGEST_START
        while time.monotonic() < until:
            await asyncio.sleep(ledger.lease.total_seconds() / 3)
            try:
                if await ledger.heartbeat(job) is None:
                    return
            except MillraceError as error:
                _logger.warning("the lease of %s was not renewed: %s", job.job_id, error)

    async def _record(self, job: Job, error: Exception) -> None:
        """For errors from before the flow's own bookkeeping began; a job that was ended already is left alone."""
        ended = await record_failure(self.services.ledger, job, error)
        if ended is None:
            return
        await announce_state(self.services.progress, ended, ended.error.message if ended.error else "")
        if ended.status.is_final:
            await tell_subject(self.services, ended)


async def _run_flow(job: Job) -> None:
    with assigned(job):
        await runner_for(job.pipeline)(job)
