"""The queue in front of the lanes: one docket (Redis streams, at-least-once) per queue name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from docket import Disposition, Docket, Execution, Worker
from redis.exceptions import RedisError

from spine.adapters.micro_batches import MicroBatches
from spine.contracts.jobs import Job
from spine.errors import ExternalServiceError

RUN_JOB = "run_job"
RunJob = Callable[[str], Awaitable[None]]

REDELIVERY = timedelta(seconds=5)
"""After this long without a sign of life docket hands a message to another worker; the job's own lease decides
whether that worker may run it."""

FORGOTTEN = timedelta(0)
"""docket keeps no record of what it delivered: the job has one, and keeping two costs a third of a delivery."""


WATCHFUL = timedelta(milliseconds=50)
"""How long a worker with work waits for news, and before it looks again whether a place has become free."""

IDLE = timedelta(seconds=1)
"""The same for a worker without work: news wakes it at once, and each look costs this machine and Redis."""

NEVER_DUE = timedelta(seconds=30)
"""Between two looks for jobs that have become due: none is given to docket before it is."""

SIGN_OF_LIFE = timedelta(seconds=10)
"""Between two entries in docket's own list of workers, which nobody reads: lanes are announced by their presence."""

TAKEN_AT_ONCE = 1
"""Messages that a worker takes in one look: a burst spreads over the lanes instead of filling the first that comes."""


async def run_job(job_id: str) -> None:
    """Stands in for the lane's handler where jobs are only enqueued."""
    raise AssertionError(f"job {job_id} was delivered to a process that runs no jobs")


STARTS_TOGETHER = 100
"""At most; a burst beyond this waits its turn."""


def docket_name(queue: str) -> str:
    return f"millrace-{queue}"


class DocketQueue:
    """A `JobStarter`. Dockets are opened on first use and live until `close`; connections belong to one event loop.

    Jobs that are started while others are on their way go to their queue together.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._open: dict[str, Docket] = {}
        self._starts: dict[str, MicroBatches[Job, Execution]] = {}
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()

    async def start(self, job: Job) -> None:
        """Enqueue the job's next attempt, which is due; the attempt is part of the key, so that twice is once."""
        try:
            await self._docket(job.queue)
            execution = await self._starts[job.queue].call(job)
        except (RedisError, OSError, TimeoutError) as error:
            raise _not_taken(job) from error
        if execution.disposition is Disposition.FAILED:
            raise _not_taken(job) from execution.schedule_exception

    async def depth(self, queue: str) -> int:
        """Messages that wait or run in the queue."""
        docket = await self._docket(queue)
        async with docket.redis() as redis:
            waiting = await redis.xlen(docket.stream_key)
            scheduled = await redis.zcard(docket.queue_key)
        return int(waiting) + int(scheduled)

    async def close(self) -> None:
        await self._stack.aclose()
        self._open.clear()

    async def _docket(self, queue: str) -> Docket:
        async with self._lock:
            if queue not in self._open:
                docket = Docket(name=docket_name(queue), url=self._url, execution_ttl=FORGOTTEN)
                docket.register(run_job, names=[RUN_JOB])
                self._open[queue] = await self._stack.enter_async_context(docket)
                self._starts[queue] = MicroBatches(partial(_add, docket), STARTS_TOGETHER)
            return self._open[queue]


async def _add(docket: Docket, jobs: Sequence[Job]) -> list[Execution]:
    """One by itself is one request; several are two, however many they are."""
    if len(jobs) == 1:
        [job] = jobs
        return [await docket.add(RUN_JOB, key=_key(job))(job.job_id)]
    return await docket.add_many(docket.call(RUN_JOB, key=_key(job))(job.job_id) for job in jobs)


def _key(job: Job) -> str:
    return f"{job.job_id}:{job.attempts}"


def _not_taken(job: Job) -> ExternalServiceError:
    return ExternalServiceError(
        f"The queue did not take job {job.job_id}; the sweeper will hand it over.", service="redis"
    )


async def consume(url: str, queue: str, handler: RunJob, *, concurrency: int, name: str) -> None:
    """Run the queue's jobs until cancelled; then stop taking new ones and wait for those in flight."""

    async def deliver(job_id: str) -> None:
        await handler(job_id)

    async with Docket(
        name=docket_name(queue), url=url, execution_ttl=FORGOTTEN, heartbeat_interval=SIGN_OF_LIFE
    ) as docket:
        docket.register(deliver, names=[RUN_JOB])
        async with _Worker(
            docket,
            name=name,
            concurrency=concurrency,
            redelivery_timeout=REDELIVERY,
            reconnection_delay=timedelta(seconds=1),
            scheduling_resolution=NEVER_DUE,
            message_batch=TAKEN_AT_ONCE,
        ) as worker:
            await worker.run_forever()


class QuietWorker(Worker):
    """Does not listen for docket's own cancels, whose listener wakes ten times a second and keeps a connection."""

    async def _cancellation_listener(self) -> None:
        session = self._processing_session
        if session is not None:
            session.cancellation_ready.set()
            await session.stopping.wait()


class _Worker(QuietWorker):
    """Looks often while it has work, seldom while it has none. A job is cancelled in its record, and hears of it with
    its lease."""

    def _check_interval(self) -> timedelta:
        return WATCHFUL if self._tasks_by_key else IDLE

    def _keep(self, value: timedelta) -> None:
        """docket's own choice is one for all times."""

    # docket reads it before each look, and sets it once.
    minimum_check_interval = property(_check_interval, _keep)  # pyright: ignore[reportAssignmentType]
