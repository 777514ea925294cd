"""Keeps each group of lanes at the size that its queues ask for, and replaces lanes that were retired."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deployments.stack.parts import LaneGroup
from deployments.stack.runner import PartRunner, Surroundings
from deployments.stack.scaling import is_calm, wanted_lanes

log = logging.getLogger("millrace.stack")

QueueDepth = Callable[[], Awaitable[dict[str, int]]]
"""Jobs that wait or run, by queue. It may raise: then the lanes stay as they are."""


async def no_depth() -> dict[str, int]:
    """Knows of no queue: every group stays at its minimum."""
    return {}


@dataclass(slots=True)
class _Group:
    plan: LaneGroup
    runners: list[PartRunner] = field(default_factory=list[PartRunner])
    calm_since: float | None = None

    @property
    def working(self) -> list[PartRunner]:
        return [runner for runner in self.runners if not runner.is_stopping]


class LaneScaler:
    """Owns the runners of all lanes. `depths` is the last answer of the queue depth; nothing survives the process."""

    def __init__(
        self,
        plans: tuple[LaneGroup, ...],
        around: Surroundings,
        queue_depth: QueueDepth,
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._groups = [_Group(plan) for plan in plans]
        self._around = around
        self._queue_depth = queue_depth
        self._start = start
        self.depths: dict[str, int] = {}
        self._complained = False

    @property
    def runners(self) -> list[PartRunner]:
        return [runner for group in self._groups for runner in group.runners]

    async def start_first(self, needs_met: Callable[[tuple[str, ...]], Awaitable[None]]) -> None:
        """Start what every group begins with and wait until those lanes are healthy; until the needs of their group
        are met, they are held at their gates."""
        await asyncio.gather(*(self._start_group(group, needs_met) for group in self._groups))

    async def _start_group(self, group: _Group, needs_met: Callable[[tuple[str, ...]], Awaitable[None]]) -> None:
        plan = group.plan
        await needs_met(plan.needs if plan.early_needs is None else plan.early_needs)
        held = None if plan.early_needs is None else partial(needs_met, plan.needs)
        for _ in range(plan.at_first or plan.minimum):
            self._start(self._added(group).run(held))
        await asyncio.gather(*(runner.settled.wait() for runner in group.runners))

    async def adjust(self) -> None:
        """One round: ask for the depths and start or retire lanes accordingly."""
        await self._ask()
        for group in self._groups:
            group.runners = [runner for runner in group.runners if not runner.has_ended]
            self._resize(group, self._wanted(group))

    async def _ask(self) -> None:
        try:
            self.depths = await asyncio.wait_for(self._queue_depth(), 5.0)
            self._complained = False
        except Exception as error:  # whatever the source met, lanes must not depend on it
            if not self._complained:
                log.warning("queue depths are not known (%s); lanes stay as they are", error or type(error).__name__)
            self._complained = True

    def _wanted(self, group: _Group) -> int:
        plan, now = group.plan, len(group.working)
        load = sum(self.depths.get(queue, 0) for queue in plan.queues or (plan.name,))
        if not is_calm(load, now, plan.per_lane):
            group.calm_since = None
        elif group.calm_since is None:
            group.calm_since = time.monotonic()
        calm = 0.0 if group.calm_since is None else time.monotonic() - group.calm_since
        return wanted_lanes(load, 0, now, plan.minimum, plan.maximum, plan.per_lane, calm)

    def _resize(self, group: _Group, wanted: int) -> None:
        before = len(group.working)
        while len(group.working) < wanted:
            added = self._added(group)
            added.step_back()
            self._start(added.run())
        for runner in group.working[wanted:]:
            group.calm_since = None
            self._start(runner.stop(runner.part.retire_seconds))
        if before not in (0, wanted):
            log.info("lane %s: %d → %d", group.plan.name, before, wanted)

    def _added(self, group: _Group) -> PartRunner:
        taken = {runner.part.name for runner in group.runners}
        numbers = range(1, len(taken) + 2)
        name = next(name for number in numbers if (name := group.plan.instance(number)) not in taken)
        runner = PartRunner(group.plan.make(name), self._around, group.plan.queues)
        group.runners.append(runner)
        return runner
