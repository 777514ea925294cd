"""Telling how an attempt of a job goes: one event for everyone who watches, one line in the job's record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.progress import ProgressEvent
from spine.jobs import JobLedger
from spine.ports import ProgressLog

_logger = logging.getLogger("millrace.progress")
RECORD_EVERY_SECONDS = 0.5


@runtime_checkable
class ProgressArchive(Protocol):
    """A progress log that can say what it still holds, and let go of it before its time."""

    async def held(self) -> list[str]:
        """Ids of the jobs whose events are kept, in order."""
        ...

    async def forget(self, job_ids: Sequence[str]) -> int:
        """Drop the events of these jobs; says of how many there were any."""
        ...


def eta_seconds(elapsed: float, percent: float) -> float | None:
    """Seconds left if the rest goes like the part that is done; None before there is a part to judge by."""
    if percent < 3 or elapsed <= 0:
        return None
    return round(elapsed * (100 - percent) / percent, 1)


@dataclass
class ProgressReporter:
    """Reports one attempt of one job. Lives as long as the attempt; its high-water mark is never lowered.

    `expected` says how many seconds are left when a step begins, as far as earlier jobs have taught it; `begun` fills
    with the seconds at which the steps of this attempt began.
    """

    job: Job
    log_store: ProgressLog
    ledger: JobLedger
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    clock: float = field(default_factory=time.monotonic)
    begun: dict[str, float] = field(default_factory=dict[str, float])
    _percent: float = 0.0
    _step: str = ""
    _recorded_at: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Events go out one after the other: two at once would reach the log in the order of their connections."""

    @property
    def elapsed(self) -> float:
        return round(time.monotonic() - self.clock, 3)

    async def progress(self, percent: float, step: str, message: str = "") -> None:
        """`percent` below what was said before counts as what was said before."""
        self._percent = max(self._percent, min(100.0, percent))
        self.begun.setdefault(step, self.elapsed)
        await self._publish(ProgressEvent(type="progress", job_id=self.job.job_id, message=message), step)
        now = time.monotonic()
        if step != self._step or now - self._recorded_at >= RECORD_EVERY_SECONDS:
            self._step, self._recorded_at = step, now
            await self.ledger.progress(self.job, self._percent, step)

    async def log(self, message: str, *, level: str = "info", stream: str | None = None) -> None:
        event = ProgressEvent(type="log", job_id=self.job.job_id, message=message, level=level, stream=stream)
        await self._publish(event, self._step)

    async def output(self, lines: Sequence[tuple[str, str]]) -> None:
        """Lines that a process wrote, as `(stream, text)` in their order."""
        events = [
            ProgressEvent(type="log", job_id=self.job.job_id, message=text, stream=stream) for stream, text in lines
        ]
        if events:
            async with self._turn:
                await self.log_store.publish_many([self._filled(event, self._step) for event in events])

    async def state(self, status: JobStatus | str, message: str = "") -> None:
        """A change of the job's status; success means 100 percent."""
        if status == JobStatus.SUCCESS:
            self._percent = 100.0
        event = ProgressEvent(type="state", job_id=self.job.job_id, status=str(status), message=message)
        await self._publish(event, self._step)

    async def _publish(self, event: ProgressEvent, step: str) -> None:
        async with self._turn:
            await self.log_store.publish(self._filled(event, step))

    def _filled(self, event: ProgressEvent, step: str) -> ProgressEvent:
        """The event with what is the same for all of the attempt at this moment."""
        elapsed = self.elapsed
        return event.model_copy(
            update={
                "subject_id": self.job.subject_id,
                "pipeline": self.job.pipeline,
                "progress": round(self._percent, 2),
                "current_step": step,
                "elapsed": elapsed,
                "eta": self._eta(step, elapsed),
                "worker": self.job.worker or "",
                "attempt": max(1, self.job.attempts),
            }
        )

    def _eta(self, step: str, elapsed: float) -> float | None:
        if self._percent >= 100:
            return 0.0
        if step in self.expected:
            left = self.expected[step] - (elapsed - self.begun.get(step, elapsed))
            if left > 0:  # else this one takes longer than the others, and nobody knows how much
                return round(left, 1)
        return eta_seconds(elapsed, self._percent)


async def announce_state(log: ProgressLog, job: Job, message: str = "") -> None:
    """Tell watchers of a state that changed outside of an attempt (queued, cancelled, given up)."""
    await log.publish(
        ProgressEvent(
            type="state",
            job_id=job.job_id,
            subject_id=job.subject_id,
            pipeline=job.pipeline,
            status=str(job.status),
            progress=job.progress,
            current_step=job.current_step,
            attempt=max(1, job.attempts),
            message=message,
        )
    )
