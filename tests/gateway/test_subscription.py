"""What a watcher is told: every event once and in order, however slow it is and whatever was lost on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from gateway.hub import ProgressHub
from gateway.replay import ending, is_end
from gateway.subscription import Announced, Subscription
from spine.contracts.jobs import Job, JobError, JobStatus, Usage
from spine.contracts.progress import ProgressEvent
from spine.jobs import JobLedger
from spine.ports import ProgressLog
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog
from tests.gateway.gateway_desk import until

JOB = "job_1"


def event(seq: int, job_id: str = JOB, **fields: object) -> Announced:
    return Announced.of(ProgressEvent(**{"type": "progress", "job_id": job_id, "seq": seq, **fields}))


class Shelf:
    """An archive that a test fills by hand and counts the reads of."""

    def __init__(self, events: Sequence[Announced] = (), end: Announced | None = None) -> None:
        self.kept, self.end, self.reads = list(events), end, 0

    async def events(self, job_id: str, since: int) -> list[Announced]:
        self.reads += 1
        return [kept for kept in self.kept if kept.event.job_id == job_id and kept.event.seq > since]

    async def ending(self, job_id: str, seq: int) -> Announced | None:
        return self.end


async def told(subscription: Subscription, count: int) -> list[int]:
    """The numbers of the next `count` events; no more than that may come."""
    texts: list[str] = []
    while len(texts) < count:
        async with asyncio.timeout(2):
            texts += await subscription.next()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            texts += await subscription.next()
    return [json.loads(text)["seq"] for text in texts]


async def test_who_comes_late_is_told_everything_and_then_goes_on_live() -> None:
    shelf = Shelf([event(1), event(2)])
    subscription = Subscription(shelf, JOB)
    subscription.offer(event(2))  # announced while the log is being read
    subscription.offer(event(3))
    assert await told(subscription, 3) == [1, 2, 3]


@pytest.mark.parametrize(("since", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3])])
async def test_who_comes_back_is_told_what_followed(since: int, expected: list[int]) -> None:
    assert await told(Subscription(Shelf([event(1), event(2), event(3)]), JOB, since), len(expected)) == expected


@pytest.mark.parametrize("before", [0, 2])
async def test_who_comes_back_to_a_log_that_was_lost_is_told_what_it_has_since(before: int) -> None:
    numbers = list(range(1, 5))
    shelf = Shelf([event(seq) for seq in numbers[:before]])
    subscription = Subscription(shelf, JOB, since=50)
    assert await told(subscription, before) == numbers[:before]
    for seq in numbers[before:]:
        shelf.kept.append(event(seq))
        subscription.offer(event(seq))
    assert await told(subscription, 4 - before) == numbers[before:]


async def test_an_end_that_the_log_never_had_does_not_repeat_the_log_for_who_comes_back() -> None:
    subscription = Subscription(Shelf([event(1), event(2)], end=event(4, type="state", status="SUCCESS")), JOB, since=3)
    assert await told(subscription, 1) == [4]


async def test_a_left_out_number_is_read_from_the_log() -> None:
    shelf = Shelf([event(1)])
    subscription = Subscription(shelf, JOB)
    assert await told(subscription, 1) == [1]
    shelf.kept += [event(2), event(3), event(4)]
    subscription.offer(event(4))
    assert await told(subscription, 3) == [2, 3, 4]


async def test_a_gap_that_the_log_has_lost_too_holds_nothing_up() -> None:
    subscription = Subscription(Shelf([event(1)]), JOB)
    assert await told(subscription, 1) == [1]
    subscription.offer(event(9))
    assert await told(subscription, 1) == [9]


async def test_a_slow_watcher_is_told_everything_from_the_log_and_its_queue_stays_small() -> None:
    shelf = Shelf()
    subscription = Subscription(shelf, JOB, queue_size=10)
    for seq in range(1, 101):
        shelf.kept.append(event(seq))
        subscription.offer(event(seq))
    assert len(subscription._queue) <= 10
    assert await told(subscription, 100) == list(range(1, 101))


async def test_a_slow_watcher_of_all_jobs_is_told_every_event_of_each_in_order() -> None:
    shelf = Shelf()
    subscription = Subscription(shelf, None, queue_size=8)
    for seq in range(5, 40):  # the watcher came when both jobs were at 4
        for job_id in ("job_1", "job_2"):
            shelf.kept.append(event(seq, job_id))
            subscription.offer(event(seq, job_id))
    texts: list[str] = []
    while len(texts) < 70:
        texts += await subscription.next()
    heard = [(found["job_id"], found["seq"]) for found in map(json.loads, texts)]
    for job_id in ("job_1", "job_2"):
        assert [seq for told_job, seq in heard if told_job == job_id] == list(range(5, 40))


async def test_a_long_story_is_replayed_to_its_end() -> None:
    log = MemoryProgressLog()
    for _ in range(1234):
        await log.publish(ProgressEvent(type="log", job_id=JOB))
    hub = ProgressHub(log, JobLedger(MemoryDocuments()))
    with hub.subscribe(JOB) as subscription:
        assert await told(subscription, 1234) == list(range(1, 1235))


# -- endings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "since", "expected"),
    [
        pytest.param([], 0, [1], id="the stream is gone"),
        pytest.param([], 7, [8], id="the stream is gone for one who had part of it"),
        pytest.param([event(1), event(2)], 0, [1, 2, 3], id="the stream lost its end"),
        pytest.param([event(1), event(2)], 2, [3], id="and the reader had the rest"),
        pytest.param([event(1), event(2, type="state", status="SUCCESS")], 0, [1, 2], id="the stream has its end"),
        pytest.param([event(1), event(2, type="state", status="SUCCESS")], 2, [], id="and the reader had it"),
    ],
)
async def test_the_end_of_a_job_is_told_once(kept: list[Announced], since: int, expected: list[int]) -> None:
    class Ended(Shelf):
        async def ending(self, job_id: str, seq: int) -> Announced | None:
            return event(seq, type="state", status="SUCCESS")

    assert await told(Subscription(Ended(kept), JOB, since), len(expected)) == expected


@pytest.mark.parametrize(
    ("status", "progress", "shown"),
    [
        (JobStatus.SUCCESS, 97.0, 100.0),
        (JobStatus.FAILURE, 40.0, 40.0),
        (JobStatus.REVOKED, 40.0, 40.0),
        (JobStatus.DEAD, 40.0, 40.0),
        (JobStatus.PROGRESS, 40.0, None),
        (JobStatus.PENDING, 0.0, None),
    ],
)
def test_a_record_tells_the_end_with_the_final_progress(
    status: JobStatus, progress: float, shown: float | None
) -> None:
    error = JobError(error_class="CaptchaError", message="a captcha")
    job = Job(
        job_id=JOB, pipeline="p", subject_id="s", idempotency_key="k", status=status, progress=progress, error=error
    )
    found = ending(job, 5)
    assert (found.progress if found else None) == shown
    assert found is None or (is_end(found) and found.seq == 5 and found.message == "a captcha")


# -- the hub -------------------------------------------------------------------------------------------------------


class DeafLog(MemoryProgressLog):
    """A log whose announcements are lost, as when the connection to Redis is."""

    def __init__(self) -> None:
        super().__init__()
        self.deaf = True

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        if not self.deaf:
            return await super().publish(event)
        readers, self._readers = self._readers, set()
        try:
            return await super().publish(event)
        finally:
            self._readers = readers


async def listening(log: ProgressLog, ledger: JobLedger, **options: float) -> tuple[ProgressHub, asyncio.Task[None]]:
    hub = ProgressHub(log, ledger, **options)  # type: ignore[arg-type]
    return hub, asyncio.create_task(hub.run())


async def test_what_was_told_before_the_hub_listened_is_looked_up_at_once() -> None:
    log, ledger = MemoryProgressLog(), JobLedger(MemoryDocuments())
    hub = ProgressHub(log, ledger, recheck_seconds=3600)
    with hub.subscribe(JOB) as one:
        waiting = asyncio.create_task(told(one, 3))
        await asyncio.sleep(0)  # it has looked for what there was
        for _ in range(3):
            await log.publish(ProgressEvent(type="log", job_id=JOB))
        task = asyncio.create_task(hub.run())
        async with asyncio.timeout(5):
            assert await waiting == [1, 2, 3]
    task.cancel()


async def test_lost_announcements_are_looked_up() -> None:
    log, ledger = DeafLog(), JobLedger(MemoryDocuments())
    hub, task = await listening(log, ledger, recheck_seconds=0.02)
    with hub.subscribe(JOB) as one, hub.subscribe(JOB) as other:
        for _ in range(3):
            await log.publish(ProgressEvent(type="log", job_id=JOB))
        assert await told(one, 3) == await told(other, 3) == [1, 2, 3]
    task.cancel()


async def test_what_one_watcher_has_read_by_itself_is_looked_up_for_the_others() -> None:
    log, ledger = DeafLog(), JobLedger(MemoryDocuments())
    hub, task = await listening(log, ledger, recheck_seconds=0.02)
    with hub.subscribe(JOB) as early, hub.subscribe(JOB) as late:
        waiting = asyncio.create_task(told(early, 3))
        await asyncio.sleep(0)  # it has looked for what there was
        for _ in range(3):
            await log.publish(ProgressEvent(type="log", job_id=JOB))
        assert await told(late, 3) == [1, 2, 3]
        async with asyncio.timeout(5):
            assert await waiting == [1, 2, 3]
    task.cancel()


async def test_an_end_that_never_reached_the_log_is_told_from_the_record() -> None:
    log, ledger = MemoryProgressLog(), JobLedger(MemoryDocuments())
    job, _ = await ledger.create("book_review", "sub_1")
    running = await ledger.begin(job.job_id, "lane")
    assert running is not None
    hub, task = await listening(log, ledger, recheck_seconds=0.02)
    with hub.subscribe(job.job_id) as subscription:
        await log.publish(ProgressEvent(type="progress", job_id=job.job_id, progress=10))
        assert json.loads((await subscription.next())[0])["progress"] == 10
        await ledger.succeed(running, {}, Usage())
        async with asyncio.timeout(2):
            end = json.loads((await subscription.next())[0])
        assert (end["type"], end["status"], end["seq"]) == ("state", "SUCCESS", 2)
    task.cancel()


async def test_an_event_is_written_out_once_for_all_watchers(monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    plain = ProgressEvent.model_dump_json

    def counting(self: ProgressEvent, **options: object) -> str:
        nonlocal written
        written += 1
        return plain(self, **options)  # type: ignore[arg-type]

    log = MemoryProgressLog()
    hub, task = await listening(log, JobLedger(MemoryDocuments()))
    await until(lambda: bool(log._readers))
    subscriptions = [hub.subscribe(None) for _ in range(100)]
    watchers = [subscription.__enter__() for subscription in subscriptions]
    monkeypatch.setattr(ProgressEvent, "model_dump_json", counting)
    await log.publish(ProgressEvent(type="log", job_id=JOB))
    assert len({(await watcher.next())[0] for watcher in watchers}) == 1
    assert written == 1
    for subscription in subscriptions:
        subscription.__exit__(None, None, None)
    assert hub.watchers == 0
    task.cancel()


async def test_an_announcement_that_cannot_be_read_does_not_stop_the_hub() -> None:
    class Stumbling(MemoryProgressLog):
        stumbled = False

        async def announcements(self):  # type: ignore[no-untyped-def]
            if not self.stumbled:
                self.stumbled = True
                raise ValueError("not an event")
            async for found in super().announcements():
                yield found

    log = Stumbling()
    hub, task = await listening(log, JobLedger(MemoryDocuments()))
    await until(lambda: bool(log._readers))
    with hub.subscribe(None) as subscription:
        await log.publish(ProgressEvent(type="log", job_id=JOB))
        assert await told(subscription, 1) == [1]
    task.cancel()
