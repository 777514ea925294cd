"""A live lane without jobs: Prefect tasks in a long-lived flow behind the queue, with no row and no ledger.

with bare_lane(environment_of_a_stack) as lane:
    tasks_per_second = await lane.noops(500)
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from benchmarks.frame.machine import ROOT
from spine.adapters.docket_queue import DocketQueue, consume
from spine.contracts.jobs import Job

QUEUE = "bench-noops"
_DONE = "bench:noops"
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class BareLane:
    """A running one, by the address of its Redis."""

    redis_url: str

    async def noops(self, number: int) -> float:
        """Tasks a second, from the first that is handed over to the last that is done."""
        queue, before = DocketQueue(self.redis_url), time.time_ns()
        names = [f"noop_{before + place}" for place in range(number)]
        jobs = [Job(job_id=one, pipeline="noop", subject_id="", idempotency_key=one, queue=QUEUE) for one in names]
        async with Redis.from_url(self.redis_url) as redis:
            done = int(await redis.get(_DONE) or 0)
            began = time.perf_counter()
            await asyncio.gather(*(queue.start(job) for job in jobs))
            while int(await redis.get(_DONE) or 0) < done + number:  # noqa: ASYNC110 - it ends in another process
                await asyncio.sleep(0.02)
            seconds = time.perf_counter() - began
        await queue.close()
        return number / seconds


@contextmanager
def bare_lane(environment: Mapping[str, str]) -> Generator[BareLane]:
    """In a process of its own, on the Redis and the Prefect server that the variables name."""
    command = [sys.executable, "-m", "benchmarks.surroundings.bare_lane"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n", "the bare lane did not start"
        yield BareLane(environment["MILLRACE_REDIS_URL"])
    finally:
        process.kill()  # it has nothing to put away, and its flow would tell of the signal at length
        process.wait()


async def _serve(url: str) -> None:
    from prefect import flow, task

    async with Redis.from_url(url) as redis:

        @task
        async def noop() -> None:
            """Nothing."""

        async def handle(_: str) -> None:
            await noop()
            await redis.incr(_DONE)

        @flow(persist_result=False)
        async def bare_lane_of_the_bench() -> None:
            print("ready", flush=True)
            await consume(url, QUEUE, handle, concurrency=_WIDTH, name="bench")

        await bare_lane_of_the_bench()


if __name__ == "__main__":
    asyncio.run(_serve(os.environ["MILLRACE_REDIS_URL"]))
