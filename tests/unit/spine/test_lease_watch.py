"""Whose process is gone, while wall clocks jump: judged by leases that stop moving, not by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from spine import jobs, lease_watch
from spine.contracts import timestamps
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.due_jobs import LONGEST_WAIT, is_due
from spine.jobs import LEASE, JobLedger
from spine.lease_watch import SILENT, SILENT_AHEAD, LeaseWatch, is_plausible
from spine.testing.memory_documents import MemoryDocuments

HOUR = timedelta(hours=1)
NOW = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


class Clocks:
    """A steady clock, and a wall clock that can be put forward and back."""

    def __init__(self) -> None:
        self.steady = 1000.0
        self.ahead = timedelta()

    def pass_by(self, seconds: float) -> None:
        self.steady += seconds

    def wall(self) -> datetime:
        return NOW + timedelta(seconds=self.steady - 1000.0) + self.ahead


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    clocks = Clocks()
    for module in (jobs, lease_watch, timestamps):
        monkeypatch.setattr(module, "utc_now", clocks.wall)
    monkeypatch.setattr(timestamps, "_latest", NOW - HOUR)  # and puts back what this test makes of it
    yield clocks


@pytest.fixture
async def ledger() -> JobLedger:
    store = MemoryDocuments()
    await ensure_indexes(store)
    return JobLedger(store)


async def begun(ledger: JobLedger) -> Job:
    made, _ = await ledger.create("book_review", "sub_1")
    job = await ledger.begin(made.job_id, "lane:1")
    assert job is not None
    return job


async def swept_for(ledger: JobLedger, clocks: Clocks, watch: LeaseWatch, seconds: float, alive: Job | None) -> int:
    """How many jobs are handed out again in that time; `alive` is renewed every 6 s, as seldom as it ever is."""
    found = 0
    for second in range(int(seconds)):
        clocks.pass_by(1)
        if alive is not None and second % 6 == 5:
            await ledger.heartbeat(alive)
        if second % 2 == 0:
            found += len((await ledger.sweep(watch)).restart)
    return found


@pytest.mark.parametrize("jump", [HOUR, -HOUR, timedelta(seconds=20), timedelta(days=400)], ids=str)
async def test_no_living_job_is_taken_for_dead_when_the_clock_jumps_and_jumps_back(
    ledger: JobLedger, clocks: Clocks, jump: timedelta
) -> None:
    watch, job = LeaseWatch(lambda: clocks.steady), await begun(ledger)
    for ahead in (timedelta(), jump, timedelta()):
        clocks.ahead = ahead
        assert await swept_for(ledger, clocks, watch, 60, job) == 0
    assert (await ledger.get(job.job_id)).attempts == 1


@pytest.mark.parametrize("jump", [timedelta(), HOUR, -HOUR], ids=str)
async def test_a_job_whose_process_died_is_found_in_time_whatever_the_clock_does(
    ledger: JobLedger, clocks: Clocks, jump: timedelta
) -> None:
    watch, _ = LeaseWatch(lambda: clocks.steady), await begun(ledger)
    clocks.ahead = jump
    within = SILENT_AHEAD if jump < timedelta() else LEASE
    assert await swept_for(ledger, clocks, watch, within.total_seconds() + 5, None) > 0


async def test_a_watch_that_has_just_begun_gives_everybody_time_to_renew(ledger: JobLedger, clocks: Clocks) -> None:
    await begun(ledger)
    clocks.pass_by(600)
    watch = LeaseWatch(lambda: clocks.steady)
    assert await swept_for(ledger, clocks, watch, SILENT.total_seconds() - 1, None) == 0
    assert await swept_for(ledger, clocks, watch, 4, None) == 1


async def test_time_in_which_nobody_looked_is_no_silence(ledger: JobLedger, clocks: Clocks) -> None:
    watch, _ = LeaseWatch(lambda: clocks.steady), await begun(ledger)
    await ledger.sweep(watch)
    clocks.pass_by(120)
    assert (await ledger.sweep(watch)).restart == []


def test_a_watch_forgets_leases_that_it_is_not_told_of(clocks: Clocks) -> None:
    watch = LeaseWatch(lambda: clocks.steady)
    for _ in range(3):
        watch.lost({"job": NOW})
        clocks.pass_by(4)
        watch.lost({})
    assert watch.lost({"job": NOW}) == set()


async def test_a_retry_is_due_when_its_moment_was_written_by_a_clock_that_was_ahead(
    ledger: JobLedger, clocks: Clocks
) -> None:
    clocks.ahead = HOUR
    error = jobs.describe(ValueError("away"))
    waiting = await ledger.retry_later(await begun(ledger), error, delay_seconds=20)
    assert waiting is not None and not is_due(waiting, clocks.wall())
    clocks.ahead = timedelta()
    assert [job.job_id for job in (await ledger.sweep()).restart] == [waiting.job_id]


async def test_no_attempt_is_put_off_for_longer_than_a_clock_that_is_wrong(ledger: JobLedger, clocks: Clocks) -> None:
    waiting = await ledger.retry_later(await begun(ledger), jobs.describe(ValueError()), delay_seconds=86_400)
    assert waiting is not None and waiting.run_after == clocks.wall() + LONGEST_WAIT


async def test_what_was_accepted_by_a_clock_that_was_ahead_is_still_handed_over(
    ledger: JobLedger, clocks: Clocks
) -> None:
    clocks.ahead = HOUR
    made, _ = await ledger.create("book_review", "sub_1")
    clocks.ahead = timedelta()
    assert [job.job_id for job in (await ledger.sweep()).restart] == [made.job_id]


async def test_messages_keep_their_order_when_the_clock_is_put_back_between_them(
    ledger: JobLedger, clocks: Clocks
) -> None:
    made: list[str] = []
    for ahead in (HOUR, timedelta(), -HOUR, HOUR):
        clocks.ahead = ahead
        made += [(await ledger.create("conversation", "s"))[0].job_id for _ in range(2)]
    found = await ledger._documents.find(JOBS, {}, sort=[("created", 1)])  # pyright: ignore[reportPrivateUsage]
    assert [job["_id"] for job in found] == made


@pytest.mark.parametrize(
    ("ahead", "plausible"),
    [
        pytest.param(timedelta(seconds=14), True, id="just renewed"),
        pytest.param(timedelta(seconds=-1), False, id="over"),
        pytest.param(HOUR, False, id="written before the clock was put back"),
        pytest.param(timedelta(seconds=20), True, id="clocks of two machines may differ by seconds"),
    ],
)
def test_which_leases_can_be_at_work(ahead: timedelta, plausible: bool) -> None:
    assert is_plausible(NOW + ahead, NOW, LEASE) is plausible


async def test_a_lost_attempt_is_told_as_before(ledger: JobLedger, clocks: Clocks) -> None:
    job = await begun(ledger)
    await ledger._documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(clocks.wall() - HOUR)})  # pyright: ignore[reportPrivateUsage]
    watch = LeaseWatch(lambda: clocks.steady)
    assert await swept_for(ledger, clocks, watch, 12, None) > 0
    stored = await ledger.get(job.job_id)
    assert stored.status is JobStatus.RETRY and stored.error is not None and stored.error.error_code == "process_lost"


def test_the_longest_silence_of_a_living_process_is_no_loss() -> None:
    assert timedelta(seconds=2 * LEASE.total_seconds() / 5) < SILENT < LEASE <= SILENT_AHEAD
    assert utc_now().tzinfo is not None
