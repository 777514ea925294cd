"""From an agent's line to a watcher: in order, quickly, bounded, over a real Redis."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import psutil
import pytest
from redis.asyncio import Redis

from gateway.hub import ProgressHub
from spine.adapters.redis_progress import RedisProgressLog
from spine.agents_port import AgentProgress, OutputLine
from spine.contracts.jobs import Job
from spine.contracts.progress import ProgressEvent
from spine.jobs import JobLedger
from spine.ports import ProgressLog
from spine.progress import ProgressReporter
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog
from tasks.card_execution.live_output import LONGEST_MESSAGE, QUEUED, LiveOutput
from tasks.job_run import JobRun, TimeLimits
from tests.conftest import until


def line(text: str, seq: int = 1, cut: bool = False) -> OutputLine:
    return OutputLine("stdout", text, text, seq, datetime.now(UTC), cut)


async def run_of(log: ProgressLog, ledger: JobLedger | None = None) -> JobRun:
    ledger = ledger or JobLedger(MemoryDocuments())
    made, _ = await ledger.create("card_execution", "c")
    job = await ledger.begin(made.job_id, "lane:test")
    assert job is not None
    reporter = ProgressReporter(job, log, ledger)
    return JobRun(job, services=None, reporter=reporter, limits=TimeLimits(1, 1))  # type: ignore[arg-type]


@pytest.fixture
async def log(redis: Redis) -> RedisProgressLog:
    return RedisProgressLog(redis)


async def test_everything_is_published_in_order_when_the_agent_has_ended() -> None:
    log = MemoryProgressLog()
    run = await run_of(log)
    async with LiveOutput(run) as output:
        for number in range(1_200):
            await output.take(line(str(number)))
    assert [event.message for event in await log.read(run.job.job_id, limit=2_000)] == [str(n) for n in range(1_200)]


class SlowLog(MemoryProgressLog):
    """A log that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def publish_many(self, events: object) -> list[ProgressEvent]:
        await self.free.wait()
        return await super().publish_many(events)  # type: ignore[arg-type]


async def test_an_agent_that_writes_faster_than_anyone_can_take_it_has_to_wait() -> None:
    log = SlowLog()
    run, taken = await run_of(log), 0

    async def write() -> None:
        nonlocal taken
        for number in range(5_000):
            await output.take(line(str(number)))
            taken += 1

    async with LiveOutput(run) as output:
        writing = asyncio.create_task(write())
        await until(lambda: taken >= QUEUED)
        await asyncio.sleep(0.05)
        assert taken <= 2 * QUEUED
        log.free.set()
        await writing
    assert len(await log.read(run.job.job_id, limit=6_000)) == 5_000


async def test_a_log_that_fails_ends_no_agent() -> None:
    class BrokenLog(MemoryProgressLog):
        async def publish_many(self, events: object) -> list[ProgressEvent]:
            raise RuntimeError("out of order")

    async with LiveOutput(await run_of(BrokenLog())) as output:
        for number in range(2 * QUEUED):
            await output.take(line(str(number)))


async def test_a_long_line_is_shortened_for_watchers() -> None:
    log = MemoryProgressLog()
    run = await run_of(log)
    async with LiveOutput(run) as output:
        await output.take(line("x" * 50_000, cut=True))
    [event] = await log.read(run.job.job_id)
    assert event.message.endswith("x […]") and len(event.message) < LONGEST_MESSAGE + 10


async def test_many_steps_in_a_moment_are_told_as_the_last_one() -> None:
    log = MemoryProgressLog()
    run = await run_of(log)
    async with LiveOutput(run, (10, 60)) as output:
        for percent in range(100):
            await output.take(AgentProgress(percent, f"step {percent}", "events"))
    told = [event for event in await log.read(run.job.job_id) if event.type == "progress"]
    assert len(told) <= 2 and 10 <= told[-1].progress <= 60


class Crowd:
    """20 agents that write to a real Redis, a hub that listens, and a watcher of each; everything in this process."""

    def __init__(self, log: RedisProgressLog) -> None:
        self.log, self.ledger = log, JobLedger(MemoryDocuments())
        self.hub = ProgressHub(log, self.ledger)
        self.delays: list[float] = []

    async def p95_of(self, seconds: float) -> float:
        """Seconds from a line to its watcher, while all of them together write 1,000 lines a second."""
        self.delays.clear()
        runs = [await run_of(self.log, self.ledger) for _ in range(20)]
        tasks = [asyncio.create_task(self.hub.run()), *(asyncio.create_task(self._watch(run.job)) for run in runs)]
        await until(lambda: self.hub.watchers == 20)
        await asyncio.gather(*(self._write(run, int(seconds * 50)) for run in runs))
        await until(lambda: len(self.delays) == 20 * int(seconds * 50), within=30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return sorted(self.delays)[int(len(self.delays) * 0.95)]

    async def _write(self, run: JobRun, lines: int) -> None:
        async with LiveOutput(run) as output:
            began = time.perf_counter()
            for number in range(lines):
                await asyncio.sleep(max(0.0, began + number / 50 - time.perf_counter()))
                await output.take(line(f"at {time.perf_counter()}", number))

    async def _watch(self, job: Job) -> None:
        with self.hub.subscribe(job.job_id) as subscription:
            while True:
                for text in await subscription.next():
                    self.delays.append(time.perf_counter() - float(ProgressEvent.model_validate_json(text).message[3:]))


async def test_every_line_of_20_agents_that_write_1000_lines_a_second_reaches_its_watcher(
    log: RedisProgressLog,
) -> None:
    assert await Crowd(log).p95_of(seconds=1) < 5


@pytest.mark.chaos
async def test_a_line_reaches_its_watcher_within_50_ms_and_memory_stays_flat(log: RedisProgressLog) -> None:
    """On a machine that does nothing else: with all processors busy a line waits for its turn, too."""
    crowd, memory = Crowd(log), psutil.Process().memory_info
    first = await crowd.p95_of(seconds=2)
    before = memory().rss
    p95 = min([first, *[await crowd.p95_of(seconds=5) for _ in range(3)]])
    assert p95 <= 0.05
    assert memory().rss - before < 30_000_000


async def test_200_watchers_share_one_redis_subscription_and_each_hears_everything_in_order(
    log: RedisProgressLog, redis: Redis
) -> None:
    ledger = JobLedger(MemoryDocuments())
    hub = ProgressHub(log, ledger)
    listening = asyncio.create_task(hub.run())
    runs = [await run_of(log, ledger) for _ in range(4)]

    async def watch(job: Job) -> list[int]:
        heard: list[int] = []
        with hub.subscribe(job.job_id) as subscription:
            while len(heard) < 100:
                heard += [ProgressEvent.model_validate_json(text).seq for text in await subscription.next()]
        return heard

    watchers = [asyncio.create_task(watch(runs[number % 4].job)) for number in range(200)]
    await until(lambda: hub.watchers == 200)
    for run in runs:
        async with LiveOutput(run) as output:
            for number in range(100):
                await output.take(line(str(number)))
    async with asyncio.timeout(20):
        heard = await asyncio.gather(*watchers)
    assert all(seqs == list(range(1, 101)) for seqs in heard)
    [(_, subscriptions)] = await redis.pubsub_numsub("task_updates")
    assert subscriptions == 1
    listening.cancel()
