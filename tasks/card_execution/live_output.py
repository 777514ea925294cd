"""What an agent says on its way to the progress log: in order, in small batches, never more than a bounded queue."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from spine.agents_port import AgentEvent, AgentProgress, OutputLine
from tasks.job_run import JobRun

_logger = logging.getLogger("millrace.cards")

QUEUED = 500
"""Events between the agent and the log. A full queue makes the agent wait: nothing is dropped, memory stays flat."""

TOGETHER = 200
LINGER_SECONDS = 0.01
"""How long the first line of a batch waits for company."""

PROGRESS_EVERY = 0.25
LONGEST_MESSAGE = 4_000
"""Characters of a line that watchers get; the log file has the whole line."""


class LiveOutput:
    """The way of one attempt's events. Lives as long as the block; leaving it publishes what is left.

    The attempt's own 0–100 becomes `span` of the job's progress.
    """

    def __init__(self, run: JobRun, span: tuple[float, float] = (0.0, 100.0), step: str = "") -> None:
        self._run = run
        self._span = span
        self._step = step
        self._queue: asyncio.Queue[AgentEvent] = asyncio.Queue(QUEUED)
        self._progressed_at = float("-inf")
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._publish_for_ever(), name=f"output of {self._run.job.job_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pump is not None
        try:
            await self._queue.join()
        finally:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump

    async def take(self, event: AgentEvent) -> None:
        """Waits while the queue is full."""
        await self._queue.put(event)

    async def _publish_for_ever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(LINGER_SECONDS)
            while len(batch) < TOGETHER and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._publish(batch)
            except Exception as error:  # what cannot be told must not end the work
                _logger.warning("%d events of %s were not told: %s", len(batch), self._run.job.job_id, error)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _publish(self, batch: Sequence[AgentEvent]) -> None:
        lines = [event for event in batch if isinstance(event, OutputLine)]
        await self._run.reporter.output([(line.stream, message_of(line)) for line in lines])
        steps = [event for event in batch if isinstance(event, AgentProgress)]
        if steps and time.monotonic() - self._progressed_at >= PROGRESS_EVERY:
            self._progressed_at = time.monotonic()
            await self._tell(steps[-1])

    async def _tell(self, progress: AgentProgress) -> None:
        begin, end = self._span
        percent = begin + (end - begin) * min(100.0, progress.percent) / 100
        await self._run.progress(percent, step_of(progress, self._step))


def step_of(progress: AgentProgress, otherwise: str) -> str:
    """What the agent is at; a percentage that is only guessed from the time says so."""
    step = (progress.step or otherwise)[:200]
    return f"{step} (estimate)" if progress.source == "estimate" else step


def message_of(line: OutputLine) -> str:
    """The line for watchers, colours kept."""
    if len(line.text) <= LONGEST_MESSAGE and not line.cut:
        return line.text
    return f"{line.plain[:LONGEST_MESSAGE]} […]"
