"""Leases are renewed from a thread: a busy loop keeps its jobs, a dead process loses them, a cancel is heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deployments.lease_thread import LeaseThread
from spine.adapters.sqlite_documents import open_sqlite_documents
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.documents import JOBS, ensure_indexes
from spine.errors import DatabaseError
from spine.jobs import JobLedger, describe
from spine.mailbox import SessionMailbox
from spine.ports import Documents

LEASE = timedelta(seconds=0.5)


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[Documents]:
    store = open_sqlite_documents(tmp_path / "documents.sqlite3")
    await ensure_indexes(store)
    yield store
    await store.close()


@pytest.fixture
def thread(tmp_path: Path, documents: Documents) -> Iterator[LeaseThread]:
    with LeaseThread(lambda: open_sqlite_documents(tmp_path / "documents.sqlite3"), LEASE) as made:
        yield made


@pytest.fixture
async def job(documents: Documents) -> Job:
    ledger = JobLedger(documents, LEASE)
    made, _ = await ledger.create("conversation", "s1", queue="llm")
    begun = await ledger.begin(made.job_id, "live:1")
    assert begun is not None
    return begun


async def lease_of(documents: Documents, job: Job) -> float:
    """Seconds that are left of it."""
    stored = await JobLedger(documents).get(job.job_id)
    assert stored.lease_until is not None
    return (stored.lease_until - utc_now()).total_seconds()


async def test_a_job_stays_leased_while_the_loop_of_its_lane_is_busy(
    documents: Documents, thread: LeaseThread, job: Job
) -> None:
    with thread.kept(job):
        deadline = time.monotonic() + 3 * LEASE.total_seconds()
        while time.monotonic() < deadline:  # nothing else of this loop runs
            sum(range(1000))
        assert await lease_of(documents, job) > 0


async def test_a_job_that_ended_is_renewed_no_more(documents: Documents, thread: LeaseThread, job: Job) -> None:
    with thread.kept(job):
        pass
    await asyncio.sleep(2 * LEASE.total_seconds())
    assert await lease_of(documents, job) < 0


async def test_a_cancel_is_told(documents: Documents, thread: LeaseThread, job: Job) -> None:
    with thread.kept(job) as news:
        await JobLedger(documents).cancel(job.job_id)
        told = await asyncio.wait_for(news, 5)
    assert told is not None and told.cancel_requested


async def test_a_cancel_of_an_attempt_that_has_just_begun_is_told_long_before_its_lease_is_renewed(
    documents: Documents, tmp_path: Path, job: Job
) -> None:
    lease = timedelta(minutes=5)
    with (
        LeaseThread(lambda: open_sqlite_documents(tmp_path / "documents.sqlite3"), lease) as thread,
        thread.kept(job) as news,
    ):
        await JobLedger(documents).cancel(job.job_id)
        told = await asyncio.wait_for(news, 20)
    assert told is not None and told.cancel_requested


async def test_an_attempt_that_another_process_took_over_is_told_as_lost(
    documents: Documents, thread: LeaseThread, job: Job
) -> None:
    with thread.kept(job) as news:
        await documents.update(JOBS, {"_id": job.job_id}, set={"worker": "live:2"})
        assert await asyncio.wait_for(news, 5) is None


async def test_a_job_that_is_kept_in_two_places_tells_both(documents: Documents, thread: LeaseThread, job: Job) -> None:
    with thread.kept(job) as one, thread.kept(job) as other:
        await JobLedger(documents).cancel(job.job_id)
        told = await asyncio.wait_for(asyncio.gather(one, other), 5)
    assert [news is not None and news.cancel_requested for news in told] == [True, True]


async def test_an_attempt_hears_nothing_of_the_end_of_an_earlier_one_in_the_same_process(
    documents: Documents, thread: LeaseThread, job: Job
) -> None:
    ledger = JobLedger(documents, LEASE)
    with thread.kept(job) as old:
        await ledger.retry_later(job, describe(TimeoutError()), delay_seconds=0)
        again = await ledger.begin(job.job_id, job.worker or "")
        assert again is not None
        with thread.kept(again) as new:
            assert await asyncio.wait_for(old, 5) is None
            await asyncio.sleep(3 * LEASE.total_seconds())
            assert await lease_of(documents, job) > 0
            assert not asyncio.ensure_future(new).done()


async def test_what_else_is_to_be_renewed_goes_on_after_a_fault(documents: Documents, thread: LeaseThread) -> None:
    mailbox = SessionMailbox(documents, lease=LEASE)
    renewed = asyncio.Event()
    loop, faults = asyncio.get_running_loop(), [KeyError("surprise"), DatabaseError("busy")]

    async def renew(store: Documents) -> None:
        if faults:
            raise faults.pop()
        await mailbox.say_alive(store)
        loop.call_soon_threadsafe(renewed.set)

    thread.also(renew)
    await asyncio.wait_for(renewed.wait(), 5)
    assert mailbox.is_alive
