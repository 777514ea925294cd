"""How the stack is: every dependency asked at once, each for a short time, and one word for the whole."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field

from gateway.context import GatewayContext, Probe
from gateway.queue_figures import unserved_queues
from spine.contracts.timestamps import Timestamp, utc_now
from spine.presence import LaneStatus

PROBE_SECONDS = 2.0
KEPT_SECONDS = 1.0
"""A report is given to everyone who asks within this time: asking often costs the dependencies nothing."""

WORKERS_KEPT_SECONDS = 60.0
"""How long the last list of Prefect's workers is shown while a slow server gives no new one."""

SILENT_SCHEDULER_SECONDS = 120.0
DEPENDENCIES: tuple[str, ...] = ("redis", "prefect", "documents", "vectors")

T = TypeVar("T")
_logger = logging.getLogger("millrace.gateway")
Health = Literal["healthy", "degraded", "unhealthy"]


class DependencyHealth(BaseModel):
    """One dependency. `error` names the kind of failure, never an address or a credential."""

    status: Literal["healthy", "unhealthy", "disabled"] = "disabled"
    latency_ms: float | None = None
    error: str | None = None


class Liveness(BaseModel):
    """What anyone may know."""

    status: Health


class HealthReport(Liveness):
    """What `GET /health` tells whoever has a token."""

    version: str
    timestamp: Timestamp = Field(default_factory=utc_now)
    redis: DependencyHealth
    prefect: DependencyHealth
    documents: DependencyHealth
    vectors: DependencyHealth
    lanes: list[LaneStatus]
    unserved_queues: list[str] = Field(description="queues in which jobs wait that no lane serves")
    workers: list[dict[str, Any]] = Field(
        description="Prefect's; while its server is slow the last known for a minute, then none, and `prefect` says so"
    )
    scheduler_tick_age: float | None = Field(description="seconds since the sweeper's last round")
    active_websockets: int
    execution_mode: str


def overall(
    dependencies: Mapping[str, DependencyHealth],
    lanes: int,
    tick_age: float | None,
    execution_mode: str,
    unserved: Collection[str] = (),
) -> Health:
    """Without documents nothing can be accepted; without anything else work is accepted and waits."""
    ill = {name for name, found in dependencies.items() if found.status == "unhealthy"}
    if "documents" in ill:
        return "unhealthy"
    idle = execution_mode == "queue" and (lanes == 0 or bool(unserved))
    silent = tick_age is not None and tick_age > SILENT_SCHEDULER_SECONDS
    return "degraded" if ill or idle or silent else "healthy"


class HealthDesk:
    """Makes the report. Keeps the last one for `KEPT_SECONDS`; callers that come at once share one round."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context
        self._lock = asyncio.Lock()
        self._last: tuple[float, HealthReport] | None = None
        self._workers: tuple[float, list[dict[str, Any]]] | None = None

    async def report(self, active_websockets: int) -> HealthReport:
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > KEPT_SECONDS:
                self._last = (time.monotonic(), await self._ask_everyone())
            return self._last[1].model_copy(update={"active_websockets": active_websockets})

    async def _ask_everyone(self) -> HealthReport:
        context = self._context
        (redis, prefect, documents, vectors), lanes, workers, tick_age = await asyncio.gather(
            asyncio.gather(*(ask(context.probes.get(name)) for name in DEPENDENCIES)),
            _or_else(context.presence.lanes(), list[LaneStatus]()),
            _or_else(context.workers(), None),
            _or_else(context.presence.tick_age(), None),
        )
        known = self._known_workers(workers)
        if known is None and prefect.status == "healthy":  # no worker is something else than no answer
            prefect = DependencyHealth(status="unhealthy", error="WorkersUnknown")
        unserved = await _or_else(unserved_queues(context, lanes), list[str]())
        found = dict(zip(DEPENDENCIES, (redis, prefect, documents, vectors), strict=True))
        return HealthReport(
            status=overall(found, len(lanes), tick_age, context.execution_mode, unserved),
            version=context.version,
            redis=redis,
            prefect=prefect,
            documents=documents,
            vectors=vectors,
            lanes=lanes,
            unserved_queues=unserved,
            workers=known or [],
            scheduler_tick_age=tick_age,
            active_websockets=0,
            execution_mode=context.execution_mode,
        )

    def _known_workers(self, answer: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        """The answer, else the last one for a while; None when nothing is known."""
        now = time.monotonic()
        if answer is not None:
            self._workers = (now, answer)
        elif self._workers is not None and now - self._workers[0] > WORKERS_KEPT_SECONDS:
            self._workers = None
        return self._workers[1] if self._workers else None


async def ask(probe: Probe | None) -> DependencyHealth:
    """One dependency's health; never raises."""
    if probe is None:
        return DependencyHealth()
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except Exception as error:
        return DependencyHealth(status="unhealthy", error=type(error).__name__)
    return DependencyHealth(status="healthy", latency_ms=round((time.perf_counter() - began) * 1000, 2))


async def _or_else(answer: Awaitable[T], otherwise: T) -> T:
    """A part of the report that cannot be had is shown empty; the probes say what is wrong."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await answer
    except Exception as error:
        _logger.warning("a part of the health report is missing: %s", type(error).__name__)
        return otherwise
