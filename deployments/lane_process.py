"""A lane: a long-lived process that runs flows warm, fed by the queues."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Redis

from deployments.cancelled_runs import obey_cancels_forever
from deployments.collector import set_aside_what_is_loaded
from deployments.job_handler import JobHandler
from deployments.lane_runs import lane_runs
from deployments.lane_thread import run_beside
from deployments.lanes import LANES
from deployments.lease_thread import LeaseThread
from deployments.live_lane.sessions import LiveSessions
from deployments.live_lane.warming import load_the_agent
from deployments.loop_watchdog import LoopWatchdog
from deployments.presence_thread import PresenceThread
from deployments.production import require_safe
from deployments.publishing_watch import publish_waiting_forever
from deployments.queue_widths import with_widths
from deployments.sweeper import sweep_forever
from deployments.task_run_events import tell_only_what_matters
from spine.adapters.docket_queue import DocketQueue, consume
from spine.adapters.redis_account_limits import RedisAccountLimits
from spine.adapters.redis_client import open_redis
from spine.adapters.redis_presence import RedisPresence
from spine.contracts.timestamps import utc_now
from spine.errors import NotConfiguredError
from spine.live_queues import LIVE_QUEUES
from spine.mailbox import LIVE_LEASE, MAILBOX_QUEUE
from spine.presence import LaneStatus, Presence
from spine.services import Services, open_documents
from spine.settings import settings
from tasks.opening import open_run_services

_logger = logging.getLogger("millrace.lane")

DRAIN_SECONDS = 20.0
DEFAULT_CONCURRENCY = 4
ANNOUNCEMENTS_AT_ONCE = 100
"""Announcements of messages cost one read each; the slots of their queue are given by `LiveSessions`."""

LIVE = frozenset(queue.name for queue in LIVE_QUEUES)


def load(name: str, queues: list[str]) -> None:
    """Load what the first jobs of the lane would otherwise wait for. Needs nothing of the stack."""
    if MAILBOX_QUEUE in lane_queues(name, queues):
        load_the_agent()


def run(name: str, queues: list[str]) -> None:
    """Run the lane until SIGTERM (drains first) or until `MILLRACE_LANE_MAX_JOBS` jobs are done (exit 0)."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpx2", "docket"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Its errors carry whole events; that the server is away is said once, by `deployments.rolling`.
    logging.getLogger("prefect._internal.concurrency").setLevel(logging.CRITICAL)
    require_safe(settings())
    tell_only_what_matters()
    widths = with_widths(lane_queues(name, queues), os.environ.get("MILLRACE_QUEUE_WIDTHS", ""))
    run_beside(lambda stop: _lane(name, widths, stop))


def lane_queues(name: str, chosen: list[str]) -> Mapping[str, int]:
    """The queues of a lane: those it is dedicated to, else the ones that its name stands for."""
    known = {queue: width for lane in LANES.values() for queue, width in lane.items()}
    if chosen:
        return {queue: known.get(queue, DEFAULT_CONCURRENCY) for queue in chosen}
    if name not in LANES:
        raise NotConfiguredError(f"There is no lane {name!r}; name its queues: millrace lane {name} --queues a,b")
    return LANES[name]


async def _lane(name: str, queues: Mapping[str, int], stop: asyncio.Event) -> None:
    config = settings()
    if config.redis_url is None:
        raise NotConfiguredError("A lane needs MILLRACE_REDIS_URL; `millrace up` sets it.", what="MILLRACE_REDIS_URL")
    url = config.redis_url.get_secret_value()
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_run_services())
        services.worker = f"{name}@{services.worker}"
        if not LIVE.isdisjoint(queues):
            services.lease = LIVE_LEASE
        leases = stack.enter_context(LeaseThread(lambda: open_documents(config), services.lease))
        services.keeper = leases
        runs = await stack.enter_async_context(lane_runs(queues, services.worker))
        handler = JobHandler(services, runs, runs.shared_run)
        redis = open_redis(url)
        stack.push_async_callback(redis.aclose)
        sessions = await _open_sessions(services, handler, queues, redis, stack)
        if sessions is not None:
            leases.also(sessions.say_alive)
        starter, presence = DocketQueue(url), RedisPresence(redis)
        status = LaneStatus(name=name, worker=services.worker, queues=dict(queues), concurrency=sum(queues.values()))
        helpers = [
            asyncio.create_task(LoopWatchdog(lambda: sorted(handler.running)).beat_forever()),
            asyncio.create_task(sweep_forever(services, presence, starter, services.worker)),
            asyncio.create_task(publish_waiting_forever(services, presence, starter, services.worker)),
            asyncio.create_task(_stop_after(handler, _max_jobs(), stop)),
        ]
        if not runs.shares_all:
            helpers.append(asyncio.create_task(obey_cancels_forever(services, handler, runs.runs.keys())))
        consumers = [
            asyncio.create_task(_consume(url, queue, width, handler, sessions)) for queue, width in queues.items()
        ]
        stack.enter_context(PresenceThread(lambda: _presence(url), lambda: _now(status, handler)))
        set_aside_what_is_loaded()
        _logger.info("lane %s takes jobs of %s", name, ", ".join(queues))
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([ended, *consumers], return_when=asyncio.FIRST_COMPLETED)
        await _drain(consumers, sessions, handler, status)
        for task in [*helpers, ended]:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await starter.close()
        _raise_crash(consumers)


async def _open_sessions(
    services: Services, handler: JobHandler, queues: Mapping[str, int], redis: Redis, stack: AsyncExitStack
) -> LiveSessions | None:
    """What keeps messages in the order of their sessions; None in a lane that serves none."""
    if MAILBOX_QUEUE not in queues:
        return None
    sessions = LiveSessions(services, handler, width=queues[MAILBOX_QUEUE], shared=RedisAccountLimits(redis))
    return await stack.enter_async_context(sessions)


async def _consume(url: str, queue: str, width: int, handler: JobHandler, sessions: LiveSessions | None) -> None:
    """Mailbox jobs are only announced by their queue; all others are run by it."""
    name = handler.services.worker
    if sessions is not None and queue == MAILBOX_QUEUE:
        await consume(url, queue, sessions.notify, concurrency=ANNOUNCEMENTS_AT_ONCE, name=name)
    else:
        await consume(url, queue, handler, concurrency=width, name=name)


def _raise_crash(consumers: list[asyncio.Task[None]]) -> None:
    """A consumer that ended by itself met an error: the process says so with its exit code."""
    for consumer in consumers:
        if consumer.done() and not consumer.cancelled() and (error := consumer.exception()):
            raise error


async def _drain(
    consumers: list[asyncio.Task[None]], sessions: LiveSessions | None, handler: JobHandler, status: LaneStatus
) -> None:
    """Take no new job, let those in flight end, and give back what does not end in time."""
    status.state = "draining"
    if sessions is not None:
        sessions.pause()
    for consumer in consumers:
        consumer.cancel()
    idle = asyncio.create_task(handler.idle())
    await asyncio.wait([idle, *consumers], timeout=DRAIN_SECONDS)
    await handler.stop()
    await asyncio.gather(idle, *consumers, return_exceptions=True)


@asynccontextmanager
async def _presence(url: str) -> AsyncGenerator[Presence]:
    async with open_redis(url) as redis:
        yield RedisPresence(redis)


def _now(status: LaneStatus, handler: JobHandler) -> LaneStatus:
    jobs = sorted(handler.running)
    news = {"running": len(jobs), "jobs": jobs, "done": handler.done, "last_seen": utc_now()}
    return status.model_copy(update=news)


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
