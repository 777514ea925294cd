"""A lane: a long-lived process that runs flows warm, fed by the queues."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from deployments.job_handler import JobHandler
from deployments.lanes import LANES
from deployments.publishing_watch import publish_waiting_forever
from deployments.queue_widths import with_widths
from deployments.sweeper import sweep_forever
from spine.adapters.docket_queue import DocketQueue, consume
from spine.adapters.redis_client import open_redis
from spine.adapters.redis_presence import RedisPresence
from spine.errors import MillraceError, NotConfiguredError
from spine.presence import LaneStatus, Presence
from spine.settings import settings
from tasks.opening import open_run_services

_logger = logging.getLogger("millrace.lane")

DRAIN_SECONDS = 20.0
ANNOUNCE_EVERY = 2.0
DEFAULT_CONCURRENCY = 4


def run(name: str, queues: list[str]) -> None:
    """Run the lane until SIGTERM (drains first) or until `MILLRACE_LANE_MAX_JOBS` jobs are done (exit 0)."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "docket"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    asyncio.run(_lane(name, with_widths(lane_queues(name, queues), os.environ.get("MILLRACE_QUEUE_WIDTHS", ""))))


def lane_queues(name: str, chosen: list[str]) -> Mapping[str, int]:
    """The queues of a lane: those it is dedicated to, else the ones that its name stands for."""
    known = {queue: width for lane in LANES.values() for queue, width in lane.items()}
    if chosen:
        return {queue: known.get(queue, DEFAULT_CONCURRENCY) for queue in chosen}
    if name not in LANES:
        raise NotConfiguredError(f"There is no lane {name!r}; name its queues: millrace lane {name} --queues a,b")
    return LANES[name]


async def _lane(name: str, queues: Mapping[str, int]) -> None:
    config = settings()
    if config.redis_url is None:
        raise NotConfiguredError("A lane needs MILLRACE_REDIS_URL; `millrace up` sets it.", what="MILLRACE_REDIS_URL")
    url = config.redis_url.get_secret_value()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_run_services() as services:
        services.worker = f"{name}@{services.worker}"
        handler, starter, redis = JobHandler(services), DocketQueue(url), open_redis(url)
        presence = RedisPresence(redis)
        status = LaneStatus(name=name, worker=services.worker, queues=dict(queues), concurrency=sum(queues.values()))
        helpers = [
            asyncio.create_task(sweep_forever(services, presence, starter, services.worker)),
            asyncio.create_task(publish_waiting_forever(services, presence, starter, services.worker)),
            asyncio.create_task(_announce_forever(presence, handler, status)),
            asyncio.create_task(_stop_after(handler, _max_jobs(), stop)),
        ]
        consumers = [
            asyncio.create_task(consume(url, queue, handler, concurrency=width, name=services.worker))
            for queue, width in queues.items()
        ]
        _logger.info("lane %s takes jobs of %s", name, ", ".join(queues))
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([ended, *consumers], return_when=asyncio.FIRST_COMPLETED)
        await _drain(consumers, handler, status)
        for task in [*helpers, ended]:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        with suppress(MillraceError):
            await presence.withdraw(status)
        await starter.close()
        await redis.aclose()
        _raise_crash(consumers)


def _raise_crash(consumers: list[asyncio.Task[None]]) -> None:
    """A consumer that ended by itself met an error: the process says so with its exit code."""
    for consumer in consumers:
        if consumer.done() and not consumer.cancelled() and (error := consumer.exception()):
            raise error


async def _drain(consumers: list[asyncio.Task[None]], handler: JobHandler, status: LaneStatus) -> None:
    """Take no new job, let those in flight end, and give back what does not end in time."""
    status.state = "draining"
    for consumer in consumers:
        consumer.cancel()
    closing = asyncio.gather(*consumers, return_exceptions=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(closing), DRAIN_SECONDS)
    await handler.stop()
    await closing


async def _announce_forever(presence: Presence, handler: JobHandler, status: LaneStatus) -> None:
    while True:
        status.running, status.jobs, status.done = len(handler.running), sorted(handler.running), handler.done
        with suppress(MillraceError):
            await presence.announce(status.model_copy(update={"last_seen": LaneStatus(name="").last_seen}))
        await asyncio.sleep(ANNOUNCE_EVERY)


async def _stop_after(handler: JobHandler, max_jobs: int, stop: asyncio.Event) -> None:
    """Recycling: a lane that has done its number ends, and the supervisor starts a fresh one."""
    if not max_jobs:
        return
    while handler.done < max_jobs:
        await handler.ended.wait()
        handler.ended.clear()
    stop.set()


def _max_jobs() -> int:
    return int(os.environ.get("MILLRACE_LANE_MAX_JOBS", "0") or 0)
