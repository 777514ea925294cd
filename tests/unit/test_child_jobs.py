"""A job that is part of another one, run in the same process."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from spine.contracts.jobs import Job, JobStatus, Usage
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.errors import InvalidInputError
from spine.jobs import JobLedger
from spine.services import Services
from spine.settings import Settings
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from tasks import failed_attempts
from tasks.child_jobs import run_to_end


@pytest.fixture
async def services() -> Services:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    return Services(Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None, worker="lane:1")


async def run_with(services: Services, *errors: Exception, age: timedelta = timedelta(0)) -> Job:
    """A child of that age whose first runs meet these errors, one each, before its flow begins; then it ends well."""
    left = list(errors)

    async def run(job: Job) -> None:
        if left:
            raise left.pop(0)
        await services.ledger.succeed(job, {}, Usage())

    job, _ = await services.ledger.create("ingest_collection", "ana")
    await services.documents.update(JOBS, {"_id": job.job_id}, set={"created": iso(utc_now() - age)})
    return await run_to_end(services, job, run)


async def test_a_prefect_server_that_is_away_for_a_moment_delays_a_child_and_does_not_fail_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_attempts, "_later", lambda attempt: 0.0)
    ended = await run_with(services, httpx.ConnectError("refused"), RuntimeError("Failed to reach API at x"))
    assert (ended.status, ended.attempts) == (JobStatus.SUCCESS, 1)


async def test_a_prefect_server_that_stays_away_for_hours_ends_a_child_after_its_attempts(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_attempts, "_later", lambda attempt: 0.0)
    ended = await run_with(services, *[httpx.ConnectError("refused")] * 3, age=timedelta(hours=2))
    assert (ended.status, ended.attempts) == (JobStatus.DEAD, 3)


@pytest.mark.parametrize("error", [InvalidInputError("no such folder"), KeyError("surprise")])
async def test_any_other_error_ends_a_child_at_once(services: Services, error: Exception) -> None:
    ended = await run_with(services, error)
    assert (ended.status, ended.attempts) == (JobStatus.FAILURE, 1)


async def test_a_child_whose_flow_takes_long_to_begin_keeps_its_lease(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = JobLedger(services.documents, lease=timedelta(seconds=0.06))
    monkeypatch.setattr(Services, "ledger", property(lambda _: ledger))

    async def slow_to_begin(job: Job) -> None:
        for _ in range(10):
            await asyncio.sleep(0.02)
            assert not (await ledger.sweep()).restart
        await ledger.succeed(job, {}, Usage())

    job, _ = await ledger.create("ingest_collection", "ana")
    ended = await run_to_end(services, job, slow_to_begin)
    assert (ended.status, ended.attempts) == (JobStatus.SUCCESS, 1)
