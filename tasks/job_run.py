"""One attempt of a job around the body of a flow: lease, heartbeat, cancel, time limits, progress, outcome.

Whoever starts a flow, the lane, a Prefect worker or a Python call, the same job record and progress come out.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from prefect.runtime import flow_run as prefect_flow_run

from spine.contracts.jobs import Job, JobStatus, Usage
from spine.errors import ConflictError, JobCancelledError, MillraceError, RetryableError, TimeLimitError
from spine.jobs import JobLedger
from spine.progress import ProgressReporter
from spine.services import Services
from tasks.failed_attempts import Backoff, record_failure
from tasks.prefect_cancels import is_process_cancelled

_logger = logging.getLogger("millrace.jobs")
_SPREAD = random.SystemRandom()
_assigned: ContextVar[_Assignment | None] = ContextVar("millrace_job", default=None)


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds from the start of an attempt: the soft limit warns, the hard limit ends it (resumable)."""

    soft: float
    hard: float


@dataclass(slots=True)
class _Assignment:
    job: Job
    taken_by: str = ""
    """The flow run that asked for it first; every flow called inside that one inherits this assignment."""


@contextmanager
def assigned(job: Job) -> Generator[None]:
    """Inside the block, the flow that is called next runs this job, which the caller has leased."""
    token = _assigned.set(_Assignment(job))
    try:
        yield
    finally:
        _assigned.reset(token)


def assigned_job() -> Job | None:
    """The job that the lane handed to this flow; None when the flow was started in another way.

    It goes to the flow run that asks first, as often as that asks. A flow called inside it has a job of its own.
    """
    assignment = _assigned.get()
    if assignment is None:
        return None
    asking = prefect_flow_run.get_id() or "no flow run"
    assignment.taken_by = assignment.taken_by or asking
    return assignment.job if assignment.taken_by == asking else None


@dataclass
class JobRun:
    """What a flow's body sees of its job."""

    job: Job
    services: Services
    reporter: ProgressReporter
    limits: TimeLimits
    usage: Usage = field(default_factory=Usage)
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    current_step: str = ""
    cancel_requested: bool = False
    lease_lost: bool = False
    ending: bool = False
    """The outcome is being written. From then on the lease is gone because the attempt has ended."""
    soft_limit_reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the soft limit is over: what still works on an answer can say so now."""

    async def progress(self, percent: float, step: str, message: str = "") -> None:
        self.current_step = step
        await self.reporter.progress(percent, step, message)

    async def log(self, message: str, level: str = "info") -> None:
        await self.reporter.log(message, level=level)


async def adopt_job(ledger: JobLedger, worker: str, **fields: Any) -> Job:
    """Make and lease the job of a flow run that no lane started; a rerun of the same flow run finds its job."""
    flow_run_id = prefect_flow_run.get_id()
    key = f"flow-run:{flow_run_id}" if flow_run_id else None
    job, new = await ledger.create(idempotency_key=key, **fields)
    if not new and job.status in (JobStatus.FAILURE, JobStatus.DEAD):
        job = await ledger.redrive(job.job_id)
    elif not new and job.status.is_final:
        rerun = f"{key}:{prefect_flow_run.get_run_count()}"
        job, _ = await ledger.create(idempotency_key=rerun, **fields)
    begun = await ledger.begin(job.job_id, worker, flow_run_id)
    if begun is None:
        raise ConflictError(f"Job {job.job_id} is being run elsewhere; its progress is on the dashboard.")
    return begun


@asynccontextmanager
async def job_run(
    services: Services, job: Job, limits: TimeLimits, backoff: Backoff | None = None
) -> AsyncGenerator[JobRun]:
    """Run the block as one attempt of the leased `job` and record how it ended.

    With a `backoff`, a `RetryableError` makes the next attempt due later, and the job DEAD when none is left; without
    one the job fails at once (its flow has retried what is worth it). Raises what the block raised; `TimeLimitError`
    at the hard limit, `JobCancelledError` after a cancel.
    """
    expected = await services.step_times.expected(job.pipeline)
    reporter = ProgressReporter(job, services.progress, services.ledger, expected)
    run = JobRun(job=job, services=services, reporter=reporter, limits=limits)
    block = asyncio.current_task()
    assert block is not None
    if (flow_run_id := prefect_flow_run.get_id()) and flow_run_id != job.flow_run_id:
        noted = await services.ledger.note_flow_run(job, flow_run_id)
        if noted is not None and noted.cancel_requested:  # while Prefect made the run
            raise await _revoked(run)
    await reporter.state(JobStatus.STARTED, f"attempt {job.attempts} of {job.max_attempts}")
    watch = asyncio.create_task(_watch(run, block), name=f"watch {job.job_id}")
    scope = asyncio.timeout(limits.hard)
    try:
        async with scope:
            yield run
        run.ending = True
        await _end(run, JobStatus.SUCCESS)
    except asyncio.CancelledError:
        await _stopped(run, block)
        raise
    except TimeoutError as error:
        if not scope.expired():
            await _failed(run, error, backoff)
            raise
        limit = TimeLimitError(
            f"The work did not end within {limits.hard:.0f} s; finished stages are kept, a retry resumes them.",
            limit_seconds=limits.hard,
        )
        await _failed(run, limit, backoff)
        raise limit from error
    except Exception as error:
        await _failed(run, error, backoff)
        raise
    except GeneratorExit:  # nobody waits for this any more, and nothing here may wait either
        raise
    except BaseException:  # how Prefect says SIGTERM to a flow that waits for others
        await _stopped(run, block)
        raise
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _failed(run: JobRun, error: Exception, backoff: Backoff | None) -> None:
    job, run.ending = run.job, True
    delay = None
    if backoff is not None and isinstance(error, RetryableError):
        delay = backoff.delay(job.attempts, error, _SPREAD.uniform(-1, 1))
    ended = await record_failure(run.services.ledger, job, error, delay=delay, step=run.current_step, usage=run.usage)
    if ended is None:
        _logger.warning(
            "job %s had been ended or taken over when this attempt met %s", job.job_id, type(error).__name__
        )
        return
    await run.reporter.state(ended.status, ended.error.message if ended.error else "")


async def _watch(run: JobRun, block: asyncio.Task[Any]) -> None:
    """Keep the lease, look for a cancel, warn at the soft limit, until the attempt ends."""
    keeper = run.services.keeper or InLoopKeeper(run.services.ledger)
    with keeper.kept(run.job) as kept:
        news = asyncio.ensure_future(kept)
        await asyncio.wait([news], timeout=run.limits.soft)
        if not news.done():
            run.soft_limit_reached.set()
            await run.log(f"still running after {run.limits.soft:.0f} s; it ends at {run.limits.hard:.0f} s", "warning")
        job = await news
    if run.ending:
        return
    run.lease_lost, run.cancel_requested = job is None, job is not None
    block.cancel()


class InLoopKeeper:
    """A `LeaseKeeper` for a process that runs a few jobs: each is renewed by a task in the loop that runs it."""

    def __init__(self, ledger: JobLedger) -> None:
        self._ledger = ledger

    @contextmanager
    def kept(self, job: Job) -> Generator[Awaitable[Job | None]]:
        renewing = asyncio.create_task(self._renew(job), name=f"lease of {job.job_id}")
        try:
            yield renewing
        finally:
            renewing.cancel()

    async def _renew(self, kept: Job) -> Job | None:
        while True:
            await asyncio.sleep(min(1.0, self._ledger.lease.total_seconds() / 3))
            try:
                job = await self._ledger.heartbeat(kept)
            except MillraceError as error:
                _logger.warning("the lease of %s was not renewed: %s", kept.job_id, error)
                continue
            if job is None or job.cancel_requested:
                return job


async def _stopped(run: JobRun, block: asyncio.Task[Any]) -> None:
    """The block was cancelled: by our watch (a cancel, or another process took over), or because the process ends."""
    if run.cancel_requested or await is_process_cancelled():
        block.uncancel()
        raise await _revoked(run)
    if run.lease_lost:
        block.uncancel()
        raise ConflictError(f"Attempt {run.job.attempts} of job {run.job.job_id} was taken over by another process.")
    await asyncio.shield(run.services.ledger.release(run.job))


async def _revoked(run: JobRun) -> JobCancelledError:
    await _end(run, JobStatus.REVOKED)
    return JobCancelledError(f"Job {run.job.job_id} was cancelled.")


async def _end(run: JobRun, status: JobStatus) -> None:
    """Record the outcome first, then tell it: a watcher that hears of the end finds the record complete."""
    ledger, job = run.services.ledger, run.job
    succeeded = status is JobStatus.SUCCESS
    ended = await (ledger.succeed(job, run.result, run.usage) if succeeded else ledger.revoke(job, run.usage))
    if ended is None:
        _logger.warning("job %s had been ended or taken over when this attempt came to %s", job.job_id, status)
        return
    await run.reporter.state(status)
    if succeeded and job.attempts == 1:  # a later attempt is spared what the first one has done
        with suppress(MillraceError):  # an estimate; the job's end stands already
            await run.services.step_times.remember(job.pipeline, run.reporter.begun, run.reporter.elapsed)
