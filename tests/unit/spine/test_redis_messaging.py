"""Progress, presence, tickets and the queue over a real Redis server."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest
from redis.asyncio import Redis

from spine.adapters.docket_queue import IDLE, DocketQueue, consume
from spine.adapters.redis_client import open_redis
from spine.adapters.redis_presence import RedisPresence
from spine.adapters.redis_progress import RedisProgressLog
from spine.adapters.redis_tickets import RedisTicketStore
from spine.contracts.jobs import Job
from spine.contracts.progress import ProgressEvent
from spine.errors import ExternalServiceError
from spine.presence import LaneStatus
from spine.progress import ProgressArchive
from spine.testing.redis_server import RedisServer
from tests.conftest import until


def event(job_id: str = "job_1", **fields: object) -> ProgressEvent:
    return ProgressEvent.model_validate({"type": "log", "job_id": job_id, **fields})


async def test_progress_that_nobody_needs_any_more_can_be_found_and_dropped(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    for job_id in ("job_b", "job_a", "job_a"):
        await log.publish(ProgressEvent(type="log", job_id=job_id, message="done"))
    assert isinstance(log, ProgressArchive)
    assert await log.held() == ["job_a", "job_b"]
    assert await log.forget(["job_a", "job_gone"]) == 1
    assert (await log.held(), await log.read("job_a")) == (["job_b"], [])


async def test_events_are_numbered_from_1_without_a_gap_whoever_publishes(redis: Redis) -> None:
    logs = [RedisProgressLog(redis) for _ in range(4)]
    await asyncio.gather(*(log.publish(event(message=f"{n}")) for n in range(25) for log in logs))
    assert [one.seq for one in await logs[0].read("job_1")] == list(range(1, 101))


async def test_events_of_several_jobs_that_go_together_are_each_numbered_in_their_job(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    told = [[event(f"job_{job}", message=f"{job}.{n}") for n in range(job)] for job in (1, 2, 3)]
    published = await asyncio.gather(*map(log.publish_many, told), log.publish(event("job_3", message="3.3")))
    assert [one.seq for one in published[2]] == [1, 2, 3]
    for job, many in zip((1, 2), told, strict=False):
        assert [one.message for one in await log.read(f"job_{job}")] == [one.message for one in many]
    assert [(one.seq, one.message) for one in await log.read("job_3")] == [(n + 1, f"3.{n}") for n in range(4)]


async def test_a_reader_replays_from_where_it_left_off(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    for n in range(5):
        await log.publish(event(message=f'quoted "seq":0 {n}'))
    assert [one.message[-1] for one in await log.read("job_1", since=3)] == ["3", "4"]


async def test_numbers_go_on_upwards_when_redis_is_emptied_in_the_middle(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    await log.publish(event())
    await log.publish(event())
    await redis.flushall()
    assert (await log.publish(event())).seq == 3


async def test_every_event_is_announced_to_those_who_listen(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    announcements = log.announcements()
    assert await anext(announcements) is None  # listening
    await log.publish(event(message="are you there"))
    heard = await anext(announcements)
    assert heard is not None and heard.message == "are you there"


async def test_who_listens_is_told_when_a_lost_connection_was_taken_up_again(redis: Redis) -> None:
    log = RedisProgressLog(redis)
    announcements = log.announcements()
    assert await anext(announcements) is None
    await redis.client_kill_filter(_type="pubsub")
    async with asyncio.timeout(10):
        assert await anext(announcements) is None


async def test_with_redis_away_work_goes_on_and_one_warning_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = open_redis(f"unix://{tmp_path}/nobody.sock")
    log = RedisProgressLog(away)
    for _ in range(3):
        assert (await log.publish(event())).seq == 0
    assert await log.read("job_1") == []
    assert len([record for record in caplog.records if "not delivered" in record.message]) == 1
    await away.aclose()


async def test_a_lane_that_falls_silent_is_forgotten(redis: Redis) -> None:
    presence, lane = RedisPresence(redis), LaneStatus(name="pipelines", worker="host:1")
    await presence.announce(lane)
    assert [one.name for one in await presence.lanes()] == ["pipelines"]
    assert 0 < await redis.ttl("millrace:lane:pipelines:host:1") <= 10
    await presence.withdraw(lane)
    assert await presence.lanes() == []


async def test_one_of_many_leads_until_it_falls_silent(redis: Redis) -> None:
    presence = RedisPresence(redis)
    assert await presence.lead("sweeper", "a", 0.2)
    assert not await presence.lead("sweeper", "b", 0.2)
    assert await presence.lead("sweeper", "a", 0.2)
    await until(lambda: presence.lead("sweeper", "b", 0.2), within=5)


async def test_a_leader_that_is_gone_leads_no_longer_because_the_clock_of_redis_was_put_back(redis: Redis) -> None:
    presence = RedisPresence(redis)
    assert await presence.lead("sweeper", "gone", 3600)
    assert not await presence.lead("sweeper", "b", 0.2)
    await until(lambda: presence.lead("sweeper", "b", 0.2), within=5)


async def test_a_ticket_is_spent_once_by_whoever_comes_first(redis: Redis) -> None:
    store = RedisTicketStore(redis)
    assert sum(await asyncio.gather(*(store.spend("nonce", 60) for _ in range(20)))) == 1


async def test_the_queue_runs_an_attempt_once_however_often_it_is_handed_over(
    redis: Redis, redis_server: RedisServer
) -> None:
    ran: list[str] = []

    async def handler(job_id: str) -> None:
        ran.append(job_id)

    queue, job = DocketQueue(redis_server.url), Job(job_id="job_1", pipeline="p", subject_id="s", idempotency_key="k")
    await asyncio.gather(*(queue.start(job) for _ in range(20)))
    assert await queue.depth("pipelines") == 1
    consuming = asyncio.create_task(consume(redis_server.url, "pipelines", handler, concurrency=4, name="lane:1"))
    await until(lambda: ran == ["job_1"])
    await until(lambda: _is_empty(queue))
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    await queue.close()


async def test_a_burst_for_several_queues_reaches_each_of_them_whole(redis: Redis, redis_server: RedisServer) -> None:
    queue = DocketQueue(redis_server.url)
    jobs = [
        Job(job_id=f"job_{n}", pipeline="p", subject_id="s", idempotency_key=f"k{n}", queue=("a", "b")[n % 2])
        for n in range(250)
    ]
    await asyncio.gather(*map(queue.start, jobs))
    assert [await queue.depth(name) for name in ("a", "b")] == [125, 125]
    await queue.close()


async def test_each_job_of_a_burst_that_the_queue_does_not_take_says_so(tmp_path: Path) -> None:
    away = RedisServer(tmp_path)
    away.start()
    queue = DocketQueue(away.url)
    await queue.start(_job("job_first"))
    away.kill()
    told = await asyncio.gather(*(queue.start(_job(f"job_{n}")) for n in range(5)), return_exceptions=True)
    assert [(type(one), f"job_{n};" in str(one)) for n, one in enumerate(told)] == [(ExternalServiceError, True)] * 5
    await queue.close()


async def test_a_worker_whose_places_are_full_takes_the_next_job_soon_after_one_is_free(
    redis: Redis, redis_server: RedisServer
) -> None:
    looks: list[float] = []

    async def handler(job_id: str) -> None:
        looks.append(time.monotonic())

    queue = DocketQueue(redis_server.url)
    for number in range(20):
        await queue.start(Job(job_id=f"job_{number}", pipeline="p", subject_id="s", idempotency_key=f"k{number}"))
    consuming = asyncio.create_task(consume(redis_server.url, "pipelines", handler, concurrency=1, name="lane:1"))
    await until(lambda: len(looks) == 20)
    pauses = [after - before for before, after in pairwise(looks)]
    assert sorted(pauses)[len(pauses) // 2] < IDLE.total_seconds() / 2
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    await queue.close()


async def test_an_idle_worker_asks_redis_for_work_about_once_a_second(redis: Redis, redis_server: RedisServer) -> None:
    async def handler(job_id: str) -> None: ...

    async def asked() -> int:
        told = await redis.info("commandstats")
        return sum(told.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("xreadgroup", "evalsha"))

    consuming = asyncio.create_task(consume(redis_server.url, "pipelines", handler, concurrency=4, name="lane:1"))
    await until(asked)
    began, before = time.monotonic(), await asked()
    await asyncio.sleep(3)
    rate = (await asked() - before) / (time.monotonic() - began)
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    assert rate < 3


def _job(job_id: str) -> Job:
    return Job(job_id=job_id, pipeline="p", subject_id="s", idempotency_key=job_id)


async def _is_empty(queue: DocketQueue) -> bool:
    return await queue.depth("pipelines") == 0
