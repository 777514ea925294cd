"""From a progress event to 1,000 WebSocket clients, beside the loop with a Redis subscription for every socket.

Every client watches every job, as the dashboard does, so that each event is told a thousand times. Events come two a
second: each is told to all before the next. A delivery's time runs from before the event is published until the client
has its bytes; all clients are one process, which reads them when all is told. The clients offer compression, as
browsers do.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from redis.asyncio import Redis

from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least, at_most
from benchmarks.frame.turns import quantile, take_turns
from benchmarks.peers import original_socket
from benchmarks.surroundings.gateway_alone import TOKEN, Served, gateway_alone, served
from benchmarks.surroundings.light_watcher import LightWatcher, light_watcher
from benchmarks.surroundings.own_redis import own_redis
from benchmarks.surroundings.processes import cpu_seconds, memory_bytes
from spine.adapters.redis_progress import RedisProgressLog
from spine.contracts.progress import ProgressEvent
from tests.stack.whole_stack import free_port

_EVERY = 0.5  # seconds
_CONNECTING = 50  # at a time
_LATE = 120.0  # seconds for the last of them to come
_STAMP = re.compile(r"sent at (\d+)")

_BENCH = "progress event → WebSocket client, 1,000 clients"
FIGURES = (
    Figure(_BENCH, "p99", "ms", at_most(100)),
    Figure(_BENCH, "lower p99 than the original loop", RATIO, at_least(5)),
    Figure(_BENCH, "fewer Redis connections than the original loop", RATIO, at_least(10)),
)


@dataclass(frozen=True, slots=True)
class Fanout:
    """One turn of a server."""

    latencies: list[float]
    """Milliseconds, one for each client and event."""
    cpu_percent: float
    rss: float
    connections: int

    @property
    def p50(self) -> float:
        return quantile(self.latencies, 0.5)

    @property
    def p99(self) -> float:
        return quantile(self.latencies, 0.99)


def bench(effort: Effort) -> Outcome:
    clients, events = effort.size(1000, 200), effort.size(20, 6)
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder, own_redis() as redis_url:
        port = free_port()
        original = [sys.executable, "-m", "uvicorn", "benchmarks.peers.original_socket:app", "--port", str(port)]
        quietly = [*original, "--log-level", "warning"]
        with (
            gateway_alone(Path(folder), redis_url) as ours,
            served(quietly, port, **{original_socket.REDIS_VARIABLE: redis_url}) as peer,
        ):
            turns = take_turns(
                effort.reps,
                lambda: asyncio.run(_turn(ours, redis_url, clients, events)),
                lambda: asyncio.run(_turn(peer, redis_url, clients, events)),
            )
    values = {
        FIGURES[0].name: turns.middle(lambda one: one.p99)[0],
        FIGURES[1].name: turns.ratio(lambda one: one.p99),
        FIGURES[2].name: turns.ratio(lambda one: one.connections),
    }
    notes: list[Note] = []
    for (what, unit), of in _SHOWN.items():
        own, peers = turns.middle(of)
        notes += [Note(f"{what}: gateway", own, unit), Note(f"{what}: original loop", peers, unit)]
    return Outcome(values, notes=notes)


_SHOWN: dict[tuple[str, str], Callable[[Fanout], float]] = {
    ("p50", "ms"): lambda one: one.p50,
    ("p99", "ms"): lambda one: one.p99,
    ("CPU while two events a second are told", "%"): lambda one: one.cpu_percent,
    ("memory of the server (RSS)", "MB"): lambda one: one.rss / 2**20,
    ("Redis connections", ""): lambda one: float(one.connections),
}


async def _turn(server: Served, redis_url: str, clients: int, events: int) -> Fanout:
    process = psutil.Process(server.pid)
    async with Redis.from_url(redis_url) as redis, _connected(server, clients) as sockets:
        log = RedisProgressLog(redis)
        connections = len([one for one in await redis.client_list() if one["db"] == "0"]) - 1
        began, before = time.perf_counter(), cpu_seconds([process])
        job_id = f"job_{time.time_ns()}"
        for _ in range(events):
            await log.publish(ProgressEvent(type="progress", job_id=job_id, message=f"sent at {time.time_ns()}"))
            await asyncio.sleep(_EVERY)
        used = cpu_seconds([process]) - before
        percent = 100 * used / (time.perf_counter() - began)
        latencies = await asyncio.wait_for(_all_latencies(sockets, events), _LATE)
        return Fanout(latencies, percent, memory_bytes([process], "rss"), connections)


async def _all_latencies(watchers: list[LightWatcher], events: int) -> list[float]:
    """Waits for those that are late."""
    latencies = list[float]()
    while len(latencies) < events * len(watchers):
        await asyncio.sleep(_EVERY)
        latencies += [latency for watcher in watchers for latency in _latencies(watcher)]
    assert len(latencies) == events * len(watchers), "an event was told twice"
    return latencies


def _latencies(watcher: LightWatcher) -> Iterator[float]:
    for moment, text in watcher.messages():
        stamp = _STAMP.search(text)
        assert stamp is not None
        yield (moment - int(stamp.group(1))) / 1e6


@asynccontextmanager
async def _connected(server: Served, clients: int) -> AsyncGenerator[list[LightWatcher]]:
    """So many clients, each of which has been greeted."""
    places, watchers = asyncio.Semaphore(_CONNECTING), list[LightWatcher]()
    address, headers = f"ws://{server.authority}/ws/tasks", {"Authorization": f"Bearer {TOKEN}"}

    async def join(stack: AsyncExitStack) -> None:
        async with places:
            watchers.append(await stack.enter_async_context(light_watcher(address, headers)))

    async with AsyncExitStack() as stack:
        await asyncio.gather(*(join(stack) for _ in range(clients)))
        yield watchers
