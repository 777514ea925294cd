"""What becomes of a job whose flow could not even begin its own bookkeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from deployments import job_handler
from deployments.job_handler import JobHandler
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import SubmissionStatus, SubmitRequest
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.errors import InvalidInputError
from spine.jobs import JobLedger, Sweep
from spine.review_jobs import ReviewJobs
from spine.services import Services
from spine.settings import Settings
from spine.stored_reviews import stored_submission
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels


@pytest.fixture
async def services() -> Services:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    return Services(Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None, worker="lane:1")


@pytest.mark.parametrize(
    ("error", "job_is", "submission_is"),
    [
        pytest.param(
            httpx.ConnectError("refused"), JobStatus.RETRY, SubmissionStatus.PENDING, id="Prefect's server is away"
        ),
        pytest.param(
            RuntimeError("Failed to reach API at http://127.0.0.1:4200/api/"),
            JobStatus.RETRY,
            SubmissionStatus.PENDING,
            id="Prefect's server was never there",
        ),
        pytest.param(
            InvalidInputError("no such pipeline"), JobStatus.FAILURE, SubmissionStatus.FAILED, id="a permanent error"
        ),
        pytest.param(KeyError("surprise"), JobStatus.FAILURE, SubmissionStatus.FAILED, id="an unexpected error"),
    ],
)
async def test_a_flow_that_fails_before_its_bookkeeping_leaves_neither_job_nor_submission_hanging(
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    job_is: JobStatus,
    submission_is: SubmissionStatus,
) -> None:
    async def broken(job: Job) -> Any:
        raise error

    monkeypatch.setattr(job_handler, "runner_for", lambda pipeline: broken)
    reviews = ReviewJobs(services.documents, services.ledger)
    submission, job = await reviews.submit(SubmitRequest(amazon_url="https://shop.example/1"))
    await JobHandler(services)(job.job_id)
    ended = await services.ledger.get(job.job_id)
    assert ended.status is job_is and ended.error is not None
    assert (await stored_submission(services.documents, submission.submission_id)).status is submission_is
    assert [event.status for event in await services.progress.read(job.job_id)] == [str(job_is)]
    if job_is is JobStatus.RETRY:
        assert ended.run_after is not None and ended.attempts == 0
        assert "the Prefect server does not answer" in ended.error.message


@pytest.mark.parametrize(
    ("age", "counts"),
    [
        pytest.param(timedelta(0), False, id="a server that restarts costs no attempt"),
        pytest.param(timedelta(hours=2), True, id="a job that has waited for it long must end once"),
    ],
)
async def test_prefect_may_be_away_for_longer_than_all_attempts_last(
    services: Services, monkeypatch: pytest.MonkeyPatch, age: timedelta, counts: bool
) -> None:
    async def broken(job: Job) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(job_handler, "runner_for", lambda pipeline: broken)
    job, _ = await services.ledger.create("book_review", "sub_1", max_attempts=1)
    await services.documents.update(JOBS, {"_id": job.job_id}, set={"created": iso(utc_now() - age)})
    await JobHandler(services)(job.job_id)
    ended = await services.ledger.get(job.job_id)
    assert (ended.status, ended.attempts) == ((JobStatus.DEAD, 1) if counts else (JobStatus.RETRY, 0))


async def test_a_job_that_is_leased_elsewhere_is_left_alone(services: Services) -> None:
    job, _ = await services.ledger.create("book_review", "sub_1")
    await services.ledger.begin(job.job_id, "lane:2")
    await JobHandler(services)(job.job_id)
    assert (await services.ledger.get(job.job_id)).worker == "lane:2"


async def test_a_flow_that_takes_long_to_begin_keeps_its_job(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty flows that begin at once may wait for Prefect's server for longer than a lease lasts."""
    ledger = JobLedger(services.documents, lease=timedelta(seconds=0.06))
    monkeypatch.setattr(Services, "ledger", property(lambda _: ledger))
    found: list[Sweep] = []

    async def slow_to_begin(job: Job) -> Any:
        for _ in range(10):
            await asyncio.sleep(0.02)
            found.append(await ledger.sweep())

    monkeypatch.setattr(job_handler, "runner_for", lambda pipeline: slow_to_begin)
    job, _ = await ledger.create("book_review", "sub_1")
    await JobHandler(services)(job.job_id)
    assert len(found) == 10 and not any(sweep.restart or sweep.dead for sweep in found)


class Cancelled:
    """A `LeaseKeeper` that tells at once that the job was cancelled."""

    @contextmanager
    def kept(self, job: Job) -> Generator[Awaitable[Job | None]]:
        news = asyncio.get_running_loop().create_future()
        told = job.model_copy(update={"cancel_requested": True})
        asyncio.get_running_loop().call_later(0.05, news.set_result, told)
        yield news


@pytest.mark.parametrize(
    ("has_begun", "grace"),
    [pytest.param(False, 60.0, id="its flow has not begun"), pytest.param(True, 0.01, id="its flow does not let go")],
)
async def test_a_cancelled_job_ends_though_its_flow_does_not_end_it(
    services: Services, monkeypatch: pytest.MonkeyPatch, has_begun: bool, grace: float
) -> None:
    monkeypatch.setattr(job_handler, "CANCEL_GRACE_SECONDS", grace)

    async def deaf(job: Job) -> Any:
        if has_begun:
            await services.ledger.note_flow_run(job, "run")
        await asyncio.sleep(60)

    monkeypatch.setattr(job_handler, "runner_for", lambda pipeline: deaf)
    submission, job = await ReviewJobs(services.documents, services.ledger).submit(
        SubmitRequest(amazon_url="https://shop.example/1")
    )
    await asyncio.wait_for(JobHandler(replace(services, keeper=Cancelled()))(job.job_id), 10)
    assert (await services.ledger.get(job.job_id)).status is JobStatus.REVOKED
    stored = await stored_submission(services.documents, submission.submission_id)
    assert (stored.status, stored.errors[-1].message) == (SubmissionStatus.FAILED, "The job was cancelled.")
    assert [event.status for event in await services.progress.read(job.job_id)] == ["REVOKED"]
