"""What is left of a job is told by what its pipeline's earlier jobs took from the same step on."""

from __future__ import annotations

import pytest

from spine.jobs import JobLedger
from spine.progress import ProgressReporter
from spine.step_times import REMEMBERED, SHORTEST, STEPS, StepTimes
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog


@pytest.fixture
def times() -> StepTimes:
    return StepTimes(MemoryDocuments())


async def test_what_is_left_is_the_median_of_the_jobs_that_are_remembered(times: StepTimes) -> None:
    for took in (20.0, 30.0, 100.0):
        await times.remember("book_review", {"scrape": 0.0, "article": 10.0}, took)
    assert await times.expected("book_review") == {"scrape": 30.0, "article": 20.0}
    assert await times.expected("card_execution") == {}


async def test_the_oldest_jobs_are_forgotten(times: StepTimes) -> None:
    for took in [1000.0] * REMEMBERED + [10.0] * REMEMBERED:
        await times.remember("book_review", {"scrape": 0.0}, took)
    assert await times.expected("book_review") == {"scrape": 10.0}


async def test_steps_without_number_are_not_all_kept(times: StepTimes) -> None:
    for number in range(2 * STEPS):
        await times.remember("card_execution", {f"step {number}": 0.0}, 10.0)
    known = await times.expected("card_execution")
    assert len(known) == STEPS and f"step {2 * STEPS - 1}" in known


async def test_a_short_job_is_not_worth_a_write(times: StepTimes) -> None:
    await times.remember("conversation", {"answer": 0.0}, SHORTEST - 1)
    assert await times.expected("conversation") == {}


@pytest.mark.parametrize(
    ("expected", "elapsed", "eta"),
    [
        pytest.param({"article": 40.0}, 10.0, 30.0, id="what earlier jobs took, less what this step has taken"),
        pytest.param({"article": 40.0}, 50.0, 50.0, id="slower than all others: by the part that is done"),
        pytest.param({"scrape": 40.0}, 50.0, 50.0, id="a step that nobody knows: by the part that is done"),
    ],
)
async def test_an_event_says_how_long_is_left(expected: dict[str, float], elapsed: float, eta: float) -> None:
    log, ledger = MemoryProgressLog(), JobLedger(MemoryDocuments())
    job, _ = await ledger.create("book_review", "sub_1")
    reporter = ProgressReporter(job, log, ledger, expected)
    await reporter.progress(50, "article")
    reporter.clock -= elapsed
    await reporter.log("writes")
    [*_, told] = await log.read(job.job_id)
    assert told.eta == pytest.approx(eta, abs=0.5)
