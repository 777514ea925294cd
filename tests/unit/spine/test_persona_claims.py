"""Whether the ingestion that holds a persona is alive, while clocks jump."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from spine import persona_holders
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.jobs import JobLedger
from spine.testing.memory_documents import MemoryDocuments

HOUR = timedelta(hours=1)


@pytest.fixture
async def documents() -> MemoryDocuments:
    store = MemoryDocuments()
    await ensure_indexes(store)
    return store


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persona_holders, "SILENT", timedelta(seconds=0.8))


async def held(documents: MemoryDocuments, lease: timedelta) -> Job:
    ledger = JobLedger(documents)
    made, _ = await ledger.create("persona_ingestion", "poe")
    job = await ledger.begin(made.job_id, "lane:1")
    assert job is not None
    await documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(utc_now() + lease)})
    return job


@contextmanager
def renewed(documents: MemoryDocuments, job: Job) -> Iterator[None]:
    async def renew() -> None:
        while True:
            await asyncio.sleep(0.1)
            await JobLedger(documents).heartbeat(job)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()


async def alive(documents: MemoryDocuments, job: Job, *, swept: bool = False) -> bool:
    return await persona_holders.still_alive(JobLedger(documents), job.job_id, swept=swept) is not None


@pytest.mark.parametrize("lease", [-HOUR, HOUR, timedelta(seconds=10)], ids=["over", "far ahead", "as usual"])
async def test_a_living_ingestion_keeps_its_persona_whatever_its_lease_says(
    documents: MemoryDocuments, lease: timedelta
) -> None:
    job = await held(documents, lease)
    with renewed(documents, job):
        assert await alive(documents, job)
    assert (await JobLedger(documents).get(job.job_id)).status is JobStatus.STARTED


@pytest.mark.parametrize("lease", [-HOUR, HOUR], ids=["over", "far ahead"])
async def test_one_that_is_gone_gives_it_up_whatever_its_lease_says(
    documents: MemoryDocuments, lease: timedelta
) -> None:
    job = await held(documents, lease)
    assert not await alive(documents, job)
    assert (await JobLedger(documents).get(job.job_id)).status is JobStatus.FAILURE


SWEPT_LATER: list[tuple[str, timedelta, dict[str, object]]] = [
    ("its lease is over", -HOUR, {}),
    ("its lease is far ahead", HOUR, {}),
    ("it has no attempt left", -HOUR, {"attempts": 3}),
    ("it is to be cancelled", -HOUR, {"cancel_requested": True}),
]


@pytest.mark.parametrize(("lease", "more"), [case[1:] for case in SWEPT_LATER], ids=[case[0] for case in SWEPT_LATER])
async def test_one_that_is_gone_keeps_its_persona_where_a_sweeper_takes_it_up_or_ends_it(
    documents: MemoryDocuments, monkeypatch: pytest.MonkeyPatch, lease: timedelta, more: dict[str, object]
) -> None:
    async def waits(*_: object) -> bool:
        raise AssertionError("whoever asks is answered at once")

    monkeypatch.setattr(persona_holders, "outlasts", waits)
    job = await held(documents, lease)
    await documents.update(JOBS, {"_id": job.job_id}, set=more)
    assert await alive(documents, job, swept=True)
    assert (await JobLedger(documents).get(job.job_id)).status is JobStatus.STARTED
