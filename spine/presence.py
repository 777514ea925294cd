"""Which lanes are alive: each says so every few seconds; who falls silent is gone."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, Field

from spine.contracts.timestamps import Timestamp, utc_now

SILENT_AFTER_SECONDS = 10


class LaneStatus(BaseModel):
    """One lane process as `/health` and `millrace workers` show it."""

    name: str
    worker: str = Field(default="", description="host and process")
    state: str = Field(default="running", description="running | draining")
    queues: dict[str, int] = Field(default_factory=dict, description="queue → concurrency")
    concurrency: int = 0
    running: int = 0
    jobs: list[str] = Field(default_factory=list, description="ids of the jobs it runs now")
    done: int = Field(default=0, description="jobs since the process began")
    last_seen: Timestamp = Field(default_factory=utc_now)


class Presence(Protocol):
    """Where lanes announce themselves. What is announced is forgotten after `SILENT_AFTER_SECONDS`."""

    async def announce(self, lane: LaneStatus) -> None: ...

    async def withdraw(self, lane: LaneStatus) -> None: ...

    async def lanes(self) -> list[LaneStatus]: ...

    async def tick(self) -> None:
        """The scheduler (sweeper) has just done its round."""
        ...

    async def tick_age(self) -> float | None:
        """Seconds since the last round; None when there was none for a day."""
        ...

    async def lead(self, task: str, holder: str, seconds: float) -> bool:
        """Whether `holder` is the one that does `task` for the next seconds (one per stack)."""
        ...
