"""One attempt of a job: what its keeper's news do to it, and when they do nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prefect.runtime import flow_run as prefect_flow_run

from spine.contracts.jobs import Job, JobStatus
from spine.errors import ConflictError, ExternalServiceError, JobCancelledError, MillraceError
from spine.jobs import JobLedger
from spine.services import Services
from spine.step_times import StepTimes
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog
from tasks.failed_attempts import Backoff
from tasks.job_run import TimeLimits, job_run

RUN = "0b7cdd49-0000-4000-8000-000000000001"
LIMITS = TimeLimits(soft=60, hard=60)


class Keeper:
    """A `LeaseKeeper` that says what the test says."""

    def __init__(self) -> None:
        self.news: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()

    @contextmanager
    def kept(self, job: Job) -> Generator[Awaitable[Job | None]]:
        yield self.news


class EndedAtTheStore(MemoryDocuments):
    """A renewal looks at the job right after its end was stored, before whoever ended it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.keeper: Keeper | None = None

    async def update(self, collection: str, where: Any, **changes: Any) -> Any:
        changed = await super().update(collection, where, **changes)
        if self.keeper and "status" in (changes.get("set") or {}) and changes["set"]["status"] != "STARTED":
            self.keeper.news.set_result(None)
            self.keeper = None
            for _ in range(5):
                await asyncio.sleep(0)
        return changed


async def leased(documents: MemoryDocuments) -> tuple[Services, Keeper, Job]:
    ledger, keeper = JobLedger(documents), Keeper()
    made, _ = await ledger.create("book_review", "sub")
    job = await ledger.begin(made.job_id, "lane:test")
    assert job is not None
    services = SimpleNamespace(
        ledger=ledger, progress=MemoryProgressLog(), step_times=StepTimes(documents), keeper=keeper
    )
    return cast(Services, services), keeper, job


async def test_an_attempt_that_was_taken_over_ends_and_changes_nothing() -> None:
    services, keeper, job = await leased(MemoryDocuments())
    with pytest.raises(ConflictError, match="taken over"):
        async with job_run(services, job, LIMITS):
            keeper.news.set_result(None)
            await asyncio.sleep(60)
    assert (await services.ledger.get(job.job_id)).status is JobStatus.STARTED


async def test_a_cancel_ends_the_attempt_as_revoked() -> None:
    services, keeper, job = await leased(MemoryDocuments())
    with pytest.raises(JobCancelledError):
        async with job_run(services, job, LIMITS):
            keeper.news.set_result(job)
            await asyncio.sleep(60)
    assert (await services.ledger.get(job.job_id)).status is JobStatus.REVOKED


async def test_a_job_that_was_cancelled_while_prefect_made_its_run_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services, _, job = await leased(MemoryDocuments())
    monkeypatch.setattr(prefect_flow_run, "get_id", lambda: RUN)
    await services.ledger.cancel(job.job_id)
    begun = False
    with pytest.raises(JobCancelledError):
        async with job_run(services, job, LIMITS):
            begun = True
    assert not begun
    assert [event.status for event in await services.progress.read(job.job_id)] == ["REVOKED"]
    assert (await services.ledger.get(job.job_id)).status is JobStatus.REVOKED


class Terminated(BaseException):
    """How Prefect says SIGTERM."""


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(asyncio.CancelledError(), id="to the flow"),
        pytest.param(BaseExceptionGroup("", [Terminated()]), id="to a flow that it waits for"),
    ],
)
@pytest.mark.parametrize(
    ("cancelled", "status"),
    [
        pytest.param(True, JobStatus.REVOKED, id="its run was cancelled"),
        pytest.param(False, JobStatus.RETRY, id="another reason"),
    ],
)
async def test_a_process_that_is_told_to_end_asks_prefect_whether_its_run_was_cancelled(
    told: BaseException, cancelled: bool, status: JobStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer() -> bool:
        return cancelled

    services, _, job = await leased(MemoryDocuments())
    monkeypatch.setattr("tasks.job_run.is_process_cancelled", answer)
    with pytest.raises(JobCancelledError if cancelled else type(told)):
        async with job_run(services, job, LIMITS):
            raise told
    ended = await services.ledger.get(job.job_id)
    assert ended.status is status
    assert ended.attempts == (1 if cancelled else 0)


@pytest.mark.parametrize(
    ("error", "backoff", "status"),
    [
        pytest.param(None, None, JobStatus.SUCCESS, id="done"),
        pytest.param(MillraceError("no"), None, JobStatus.FAILURE, id="failed"),
        pytest.param(ExternalServiceError("away"), Backoff(), JobStatus.RETRY, id="to be tried again"),
    ],
)
async def test_a_renewal_that_finds_the_attempt_ended_does_not_take_its_end_for_a_loss(
    error: MillraceError | None, backoff: Backoff | None, status: JobStatus
) -> None:
    documents = EndedAtTheStore()
    services, keeper, job = await leased(documents)

    async def attempt() -> None:
        async with job_run(services, job, LIMITS, backoff):
            documents.keeper = keeper
            if error is not None:
                raise error

    if error is None:
        await attempt()
    else:
        with pytest.raises(type(error), match=str(error)):
            await attempt()
    assert keeper.news.done()
    assert (await services.ledger.get(job.job_id)).status is status
    events = await services.progress.read(job.job_id)
    assert events[-1].status == str(status)
