"""How long is left from the begin of a step to the end of its job, by what earlier jobs of the pipeline took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Any

from spine.documents import STEP_TIMES
from spine.ports import Documents

REMEMBERED = 20
"""Successful jobs of a pipeline that count; older ones are forgotten."""

STEPS = 40
"""Steps of a pipeline that are remembered: what agents call their steps is without number."""

SHORTEST = 5.0
"""Seconds. Nobody waits for the estimate of a shorter job, and keeping it would cost a write for each message."""

_BELIEVED = 60.0


class StepTimes:
    """Reads and writes `step_times`, one document per pipeline. What was read is believed for a minute."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._read: dict[str, tuple[float, Mapping[str, float]]] = {}

    async def expected(self, pipeline: str) -> Mapping[str, float]:
        """Seconds from the begin of each known step to the end of the job, the median of those remembered."""
        known = self._read.get(pipeline)
        if known is None or time.monotonic() - known[0] > _BELIEVED:
            left = await self._left(pipeline)
            known = self._read[pipeline] = time.monotonic(), {step: median(times) for step, times in left.items()}
        return known[1]

    async def remember(self, pipeline: str, begun: Mapping[str, float], took: float) -> None:
        """A job has ended well after `took` seconds; `begun` are the seconds at which its steps began.

        Of two jobs that end at the same moment one may not be remembered: these are estimates.
        """
        if took < SHORTEST or not begun:
            return
        left = await self._left(pipeline)
        for step, at in begun.items():
            left[step] = [*left.pop(step, []), round(took - at, 1)][-REMEMBERED:]
        steps = [{"step": step, "left": times} for step, times in left.items()][-STEPS:]
        await self._documents.upsert(STEP_TIMES, {"_id": pipeline, "steps": steps})

    async def _left(self, pipeline: str) -> dict[str, list[float]]:
        stored: dict[str, Any] = await self._documents.get(STEP_TIMES, pipeline) or {}
        return {one["step"]: one["left"] for one in stored.get("steps", [])}
