"""A batch from its stored rows to its summary: bounded, resumed, cancelled, each row reviewed once."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from spine.batch_rows import read_rows
from spine.batches import BATCH, BatchDesk, batch_width
from spine.contracts.batches import Batch
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.documents import JOBS, SUBMISSIONS
from spine.errors import NotConfiguredError
from spine.idempotency import new_id
from spine.services import using
from spine.stored_reviews import submission_from
from spine.testing.scripted_models import ScriptedModels
from tests.conftest import until
from tests.flows.conftest import SHOP, World
from tests.flows.test_book_review import MakeWorld, asked, good_model

MISSING = "https://shop.example/dp/not-there"


async def given(world: World, *urls: str) -> tuple[Batch, Job]:
    rows = [(number, {"amazon_url": url}) for number, url in enumerate(urls, start=1)]
    desk = BatchDesk(world.services.documents, world.services.ledger)
    return await desk.accept(*read_rows(rows), idempotency_key=new_id("key"))


async def children(world: World, status: JobStatus | None = None) -> list[dict[str, Any]]:
    where: dict[str, Any] = {"pipeline": "book_review"} | ({"status": str(status)} if status else {})
    return await world.services.documents.find(JOBS, where)


@dataclass
class IdleStarter:
    """A queue that takes jobs and gives them to nobody."""

    taken: list[str] = field(default_factory=list[str])

    async def start(self, job: Job) -> None:
        self.taken.append(job.job_id)

    async def hand_out(self, world: World) -> None:
        """Be the lane: run what is taken, one after the other, until cancelled."""
        for number in itertools.count():
            await until(lambda: len(self.taken) > number, within=60)  # noqa: B023
            await world.handler(self.taken[number])


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world(ScriptedModels(good_model))


async def test_every_row_is_reviewed_and_one_that_fails_stops_no_other(world: World) -> None:
    _, job = await given(world, SHOP, MISSING, SHOP)
    ended = await world.run(job)
    assert ended.status is JobStatus.SUCCESS, ended.error
    assert ended.result is not None
    counts = {name: ended.result[name] for name in ("total", "succeeded", "failed", "cancelled", "refused")}
    assert counts == {"total": 3, "succeeded": 2, "failed": 1, "cancelled": 0, "refused": 0}
    assert [item["status"] for item in ended.result["items"]] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert all(item["submission_id"] and item["job_id"] for item in ended.result["items"])
    percents = [event.progress for event in await world.services.progress.read(job.job_id)]
    assert percents == sorted(percents) and {33.33, 66.67, 100.0} <= set(percents)


async def test_no_more_reviews_run_at_once_than_the_setting_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_BATCH_CONCURRENCY", "2")
    starter = IdleStarter()
    world.services.starter = starter
    _, job = await given(world, *[SHOP] * 5)
    running = asyncio.create_task(world.run(job))
    await until(lambda: len(starter.taken) == 2)
    for done in range(1, 6):
        assert len(await children(world, JobStatus.PENDING)) == len(starter.taken) - done + 1 <= 2
        begun = await world.services.ledger.begin(starter.taken[done - 1], "lane:other")
        assert begun is not None
        await world.services.ledger.succeed(begun, {}, begun.usage)
        await until(lambda: len(starter.taken) == min(5, done + 2))  # noqa: B023
    assert (await running).status is JobStatus.SUCCESS


async def test_a_batch_whose_process_was_killed_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_BATCH_CONCURRENCY", "1")
    starter = IdleStarter()
    world.services.starter = starter
    with using(world.services):
        lane = asyncio.create_task(starter.hand_out(world))
        batch, job = await given(world, *[SHOP] * 3)
        killed = asyncio.create_task(world.handler(job.job_id))
        await until(lambda: asked(world)["article"] >= 1, within=30)
        world.handler.running[job.job_id].cancel()
        await killed
        # As kill -9 leaves it: running by its record, and nobody renews the lease.
        lost = {"status": "PROGRESS", "lease_until": "2020-01-01T00:00:00.000Z", "attempts": 1}
        await world.services.documents.update(JOBS, {"_id": job.job_id}, set=lost)
        swept = await world.services.ledger.sweep()
        assert job.job_id in [found.job_id for found in swept.restart]
        ended = await world.run(job)
        lane.cancel()
    assert (ended.status, ended.attempts) == (JobStatus.SUCCESS, 2)
    assert len(await children(world)) == 3 == asked(world)["article"]
    assert ended.result is not None and ended.result["succeeded"] == 3 and ended.result["batch_id"] == batch.batch_id


async def test_a_cancelled_batch_takes_back_what_waits_and_begins_nothing_more(world: World) -> None:
    world.services.starter = IdleStarter()
    _, job = await given(world, *[SHOP] * 9)
    running = asyncio.create_task(world.run(job))
    await until(lambda: len(world.services.starter.taken) == 4)  # type: ignore[union-attr]
    begun = await world.services.ledger.begin(world.services.starter.taken[0], "lane:other")  # type: ignore[union-attr]
    assert begun is not None
    await world.services.ledger.cancel(job.job_id)
    assert (await asyncio.wait_for(running, 10)).status is JobStatus.REVOKED
    statuses = sorted(child["status"] for child in await children(world))
    assert statuses == ["REVOKED"] * 3 + ["STARTED"]
    assert not (await world.services.ledger.get(begun.job_id)).cancel_requested
    failed = await world.services.documents.find(SUBMISSIONS, {"status": str(SubmissionStatus.FAILED)})
    assert {submission_from(one).errors[0].message for one in failed} == {
        "The batch was cancelled before this review began."
    }


async def test_called_from_python_a_batch_reviews_its_items_in_this_process(world: World) -> None:
    from flows.batch import batch

    with using(world.services):
        result = await batch(items=[{"amazon_url": SHOP}, {"amazon_url": "nonsense"}])
    assert (result.total, result.succeeded, result.refused) == (1, 1, 1)
    [job] = await world.services.documents.find(JOBS, {"pipeline": BATCH})
    assert job["status"] == "SUCCESS" and job["flow_run_id"]


@pytest.mark.parametrize(("given_width", "width"), [("", 4), ("7", 7), (" 1 ", 1)])
def test_the_width_of_a_batch_is_a_setting(monkeypatch: pytest.MonkeyPatch, given_width: str, width: int) -> None:
    monkeypatch.setenv("MILLRACE_BATCH_CONCURRENCY", given_width)
    assert batch_width() == width


@pytest.mark.parametrize("given_width", ["0", "65", "many", "-1", "1.5"])
def test_a_width_that_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, given_width: str) -> None:
    monkeypatch.setenv("MILLRACE_BATCH_CONCURRENCY", given_width)
    with pytest.raises(NotConfiguredError, match="whole number from 1 to 64"):
        batch_width()
