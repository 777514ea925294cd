"""The in-memory twin of presence."""

from __future__ import annotations

import time

from spine.presence import SILENT_AFTER_SECONDS, LaneStatus


class MemoryPresence:
    """A `Presence` that lives as long as its object."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], tuple[float, LaneStatus]] = {}
        self._leaders: dict[str, tuple[float, str]] = {}
        self._tick: float | None = None

    async def announce(self, lane: LaneStatus) -> None:
        self._lanes[(lane.name, lane.worker)] = (time.monotonic(), lane)

    async def withdraw(self, lane: LaneStatus) -> None:
        self._lanes.pop((lane.name, lane.worker), None)

    async def lanes(self) -> list[LaneStatus]:
        alive = time.monotonic() - SILENT_AFTER_SECONDS
        return [lane for _, (seen, lane) in sorted(self._lanes.items()) if seen >= alive]

    async def tick(self) -> None:
        self._tick = time.monotonic()

    async def tick_age(self) -> float | None:
        return None if self._tick is None else time.monotonic() - self._tick

    async def lead(self, task: str, holder: str, seconds: float) -> bool:
        until, leader = self._leaders.get(task, (0.0, holder))
        if until > time.monotonic() and leader != holder:
            return False
        self._leaders[task] = (time.monotonic() + seconds, holder)
        return True
