"""One attempt at a card: holding it, what an earlier attempt left, and how the card stands at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from spine.agents_port import ProcessIdentity
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import AgentPolicy, CardOutcome, CardRecord, CardResult, CardRun, CardStatus, ProcessRecord
from spine.contracts.jobs import Job
from spine.errors import AgentFailedError, MillraceError, RetryableError
from spine.progress import announce_state
from spine.scarcity import is_scarcity
from spine.services import Services
from tasks.failed_attempts import Backoff, is_prefect_away
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run

_logger = logging.getLogger("millrace.cards")

GRACE_SECONDS = 10.0
SHORT_GRACE = 2.0
"""For an agent whose card was given up already: others wait behind it."""
_ONE_AGENT = 6 * 3600.0
"""Agents and checks have limits of their own (an agent 1,800 s unless its block says otherwise); this one is for what
nobody thought of."""


@dataclass
class CardWork:
    """What the stages of a card share. Lives as long as the attempt; what must outlive it is in `desk` and `runs`."""

    run: JobRun
    desk: CardDesk
    runs: CardRuns
    card: CardRecord
    record: CardRun
    policy: AgentPolicy

    @property
    def services(self) -> Services:
        return self.run.services

    @property
    def job(self) -> Job:
        return self.run.job

    @property
    def has_attempts_left(self) -> bool:
        return self.job.attempts < self.job.max_attempts

    async def started(self, identity: ProcessIdentity) -> None:
        """Called before the process does anything; `ConflictError` keeps it from doing so."""
        process = ProcessRecord(
            pid=identity.pid,
            start_time=identity.start_time,
            boot_id=identity.boot_id,
            pgid=identity.pgid,
            sid=identity.sid,
            run_id=identity.run_id,
        )
        self.record = await self.runs.write(self.job, process=process.model_dump())

    async def ended(self) -> None:
        """The process that `started` has recorded is gone."""
        await self.runs.forget_process(self.record)

    async def settle(self, status: CardStatus, reason: str, result: CardResult | None = None, kind: str = "") -> None:
        """Write the card's fate before the job's end: an attempt after a crash in between finds it and agrees."""
        outcome = CardOutcome(
            status=status,
            reason=reason,
            result=result.model_dump(mode="json") if result else {},
            error_class=kind,
        )
        await self.runs.write(self.job, outcome=outcome.model_dump(mode="json"))
        await self.desk.note(self.job, status, reason)

    async def failed(self, error: Exception) -> None:
        """The card is FAILED, unless the job comes to another attempt."""
        passing = isinstance(error, RetryableError) or is_prefect_away(error) or is_scarcity(error)
        if passing and self.has_attempts_left:
            await self.desk.note(self.job, CardStatus.IN_PROGRESS, f"attempt {self.job.attempts} failed: {error}")
            return
        await self.settle(CardStatus.FAILED, str(error) or type(error).__name__, kind=type(error).__name__)

    async def stopped(self) -> None:
        """The attempt was cancelled. A process that is asked to stop gives the card back; a cancelled job does not."""
        if self.run.cancel_requested:
            await self.settle(CardStatus.FAILED, "The run was cancelled.", kind="JobCancelledError")


_current: ContextVar[CardWork | None] = ContextVar("millrace_card", default=None)


def current_work() -> CardWork:
    """The attempt that the calling task belongs to; tasks are given names and find the rest here."""
    work = _current.get()
    if work is None:
        raise RuntimeError("no card is being worked on here; enter tasks.card_execution.attempt.open_card() first")
    return work


@contextmanager
def working_on(work: CardWork) -> Generator[CardWork]:
    token = _current.set(work)
    try:
        yield work
    finally:
        _current.reset(token)


@asynccontextmanager
async def open_card(services: Services, card_id: str, agent: str | None) -> AsyncGenerator[CardWork]:
    """The card of the job that the lane assigned to this flow, else of a new job for a flow started in another way.

    Raises `ConflictError` while another run holds the card.
    """
    desk = CardDesk(services.documents, services.ledger)
    job = assigned_job() or await _adopt(services, desk, card_id, agent)
    card = await desk.hold(job.subject_id, job)
    policy = await desk.policy()
    hard = _ONE_AGENT + sum(check.timeout + GRACE_SECONDS for check in card.checks)
    backoff = Backoff(first=policy.retry_delay, longest=4 * policy.retry_delay, jitter=0.0)
    try:
        async with job_run(services, job, TimeLimits(soft=hard * 0.9, hard=hard), backoff) as run:
            runs = CardRuns(services.documents)
            work = CardWork(run, desk, runs, card, await runs.begin(job), policy)
            with working_on(work):
                async with _settled(work):
                    yield work
    except MillraceError as error:
        # The block has settled what it raised; this is for what ended the job around it.
        ended = await services.ledger.get(job.job_id)
        if ended.status.is_final:
            await desk.job_ended_outside(ended, ended.error.message if ended.error else str(error))
        raise


@asynccontextmanager
async def _settled(work: CardWork) -> AsyncGenerator[None]:
    try:
        yield
    except asyncio.CancelledError:
        with _telling_only():
            await work.stopped()
        raise
    except Exception as error:
        with _telling_only():
            await work.failed(error)
        raise


@contextmanager
def _telling_only() -> Generator[None]:
    """The first error counts; what its recording met (a later attempt, a store that is away) goes to the log."""
    try:
        yield
    except MillraceError as error:
        _logger.warning("the card's fate was not written: %s", error)


def settled_result(work: CardWork) -> CardResult | None:
    """What an earlier attempt of this job came to before its process was lost; raises what that one raised."""
    outcome = work.record.outcome
    if outcome is None:
        return None
    if outcome.status is not CardStatus.DONE:
        raise AgentFailedError(outcome.reason)
    return CardResult.model_validate(outcome.result)


async def end_left_behind(services: Services, card_id: str) -> list[int]:
    """End every recorded process of the card that still lives, and say which. Only processes of this machine."""
    runs = CardRuns(services.documents)
    ended: list[int] = []
    for run in await runs.left_behind(card_id):
        if run.process is None:
            continue
        identity = ProcessIdentity(**run.process.model_dump())
        if await services.agents.end_orphan(identity, GRACE_SECONDS):
            ended.append(identity.pid)
        await runs.forget_process(run)
    return ended


async def end_agent(services: Services, job: Job) -> None:
    """Of a job that ended with no flow to do it."""
    runs = CardRuns(services.documents)
    run = await runs.get(job.job_id)
    if run is not None and run.process is not None:
        await services.agents.end_orphan(ProcessIdentity(**run.process.model_dump()), SHORT_GRACE)
        await runs.forget_process(run)


async def _adopt(services: Services, desk: CardDesk, card_id: str, agent: str | None) -> Job:
    """A job for a flow run from the Prefect UI, a schedule or Python; a rerun of the same flow run finds its own."""
    terms = await desk.terms(card_id, agent)
    await desk.get(card_id)
    if services.starter is None:
        terms["max_attempts"] = 1  # nobody would come back for a later attempt
    job = await adopt_job(services.ledger, services.worker, **terms)
    await announce_state(services.progress, job)
    return job
