"""What a worker can reach: asked by a job that it runs, so that an answer says that jobs are run at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel, Field

from spine.contracts.timestamps import Timestamp, utc_now
from spine.services import Services

PROBE_SECONDS = 3.0


class Reach(BaseModel):
    """One thing that a worker needs."""

    ok: bool
    milliseconds: float
    error: str | None = Field(default=None, description="the kind of failure, never an address or a credential")


class WorkerHealth(BaseModel):
    """The result of a `worker_health_check` job."""

    worker: str
    at: Timestamp = Field(default_factory=utc_now)
    reaches: dict[str, Reach]
    providers: list[str] = Field(description="language models that have a key; none: answers are extractive")

    @property
    def is_well(self) -> bool:
        return all(reach.ok for reach in self.reaches.values())


async def check_worker(services: Services) -> WorkerHealth:
    """Ask everything at once, each for at most `PROBE_SECONDS`. Never raises."""
    probes: dict[str, Callable[[], Awaitable[Any]]] = {
        "documents": services.documents.ping,
        "progress": lambda: services.progress.read("health-check", 0, 1),
    }
    found = await asyncio.gather(*map(_reach, probes.values()))
    return WorkerHealth(
        worker=services.worker, reaches=dict(zip(probes, found, strict=True)), providers=services.models.available()
    )


async def _reach(probe: Callable[[], Awaitable[Any]]) -> Reach:
    began = time.perf_counter()
    error = None
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except Exception as failure:  # whatever it is, the answer is that it cannot be reached
        error = type(failure).__name__
    return Reach(ok=error is None, milliseconds=round((time.perf_counter() - began) * 1000, 2), error=error)
