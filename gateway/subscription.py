"""What one watcher has been told and has yet to hear: every event of its jobs, in order, each once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Protocol

from gateway.replay import is_end
from spine.contracts.progress import ProgressEvent

QUEUE_SIZE = 512
"""Events that wait for a slow watcher. One more, and all of them are read from the log again when it is ready."""

REPLAY_PAGE = 500
KNOWN_JOBS = 10_000
"""Jobs of which a watcher of all jobs remembers the last number; the one silent for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Announced:
    """An event with its text, which is made once for all watchers."""

    event: ProgressEvent
    text: str

    @classmethod
    def of(cls, event: ProgressEvent) -> Announced:
        return cls(event, event.model_dump_json())


class Archive(Protocol):
    """Where a subscription reads what it missed."""

    async def events(self, job_id: str, since: int) -> list[Announced]:
        """At most `REPLAY_PAGE` events of the log, in order."""
        ...

    async def ending(self, job_id: str, seq: int) -> Announced | None:
        """The end of the job by its record, None while it runs."""
        ...


class Subscription:
    """One watcher's place in the stream of one job, or of all. Belongs to one reader, dies with its WebSocket.

    Live events wait in a bounded queue. Whatever the queue cannot give without a gap is read from the log by
    number: at the start, after an overflow, and when a number was left out.
    """

    def __init__(self, archive: Archive, job_id: str | None, since: int = 0, queue_size: int = QUEUE_SIZE) -> None:
        self.job_id = job_id
        self._archive = archive
        self._queue: deque[Announced] = deque()
        self._queue_size = queue_size
        self._last: OrderedDict[str, int] = OrderedDict()
        self._had = since
        self._behind: dict[str, None] = {}  # an ordered set
        self._ended = False
        self._met = job_id is None or since == 0  # whether the log is known to be the one that `since` is a number of
        self._wake = asyncio.Event()
        if job_id is not None:
            # The event that the watcher had last is read again, unsent: it tells whether the story has its end.
            self._last[job_id] = max(0, since - 1)
            self._behind[job_id] = None

    def position(self, job_id: str) -> int | None:
        """The number up to which it has the job's events; None when it is going to read them by itself anyway."""
        return None if job_id in self._behind else self._last.get(job_id)

    def offer(self, announced: Announced) -> None:
        """Take in a live event; never waits."""
        if len(self._queue) >= self._queue_size:
            self._fall_behind()
        self._queue.append(announced)
        self._wake.set()

    async def next(self) -> list[str]:
        """The texts to send now, at least one; waits until there is one."""
        while True:
            if self._behind:
                job_id = next(iter(self._behind))
                del self._behind[job_id]
                texts = await self._catch_up(job_id)
            elif self._queue:
                texts = await self._deliver(self._queue.popleft())
            else:
                self._wake.clear()
                await self._wake.wait()
                continue
            if texts:
                return texts

    def _fall_behind(self) -> None:
        for announced in self._queue:
            event = announced.event
            if event.job_id not in self._last:
                self._remember(event.job_id, event.seq - 1)
            self._behind[event.job_id] = None
        self._queue.clear()

    async def _deliver(self, announced: Announced) -> list[str]:
        event = announced.event
        last = self._last.get(event.job_id)
        if last is not None and event.seq <= last:
            return [] if self._met else await self._catch_up(event.job_id)
        if last is None or event.seq == last + 1:
            return self._told(announced)
        texts = await self._catch_up(event.job_id)
        if event.job_id in self._behind or self._last[event.job_id] >= event.seq:
            return texts
        return texts + self._told(announced)  # the log lost what lies between

    async def _catch_up(self, job_id: str) -> list[str]:
        found = await self._archive.events(job_id, self._last.get(job_id, 0)) or await self._begun_anew(job_id)
        self._met = self._met or bool(found)
        texts = [text for announced in found for text in self._told(announced)]
        if len(found) >= REPLAY_PAGE:
            self._behind[job_id] = None
        elif job_id == self.job_id and not self._ended:
            texts += await self._catch_up_on_the_end(job_id)
        return texts

    async def _begun_anew(self, job_id: str) -> list[Announced]:
        """The events of a log that was lost and counts again, below the number that the watcher came with."""
        if self._met:
            return []
        found = await self._archive.events(job_id, 0)
        if not found or found[-1].event.seq >= self._last[job_id]:
            return []
        self._had = self._last[job_id] = 0
        return found

    async def _catch_up_on_the_end(self, job_id: str) -> list[str]:
        seq = max(self._last[job_id], self._had) + 1
        announced = await self._archive.ending(job_id, seq)
        return self._told(announced) if announced else []

    def _told(self, announced: Announced) -> list[str]:
        event = announced.event
        self._remember(event.job_id, event.seq)
        self._ended = is_end(event)
        return [] if event.job_id == self.job_id and event.seq <= self._had else [announced.text]

    def _remember(self, job_id: str, seq: int) -> None:
        self._last[job_id] = seq
        self._last.move_to_end(job_id)
        if len(self._last) > KNOWN_JOBS:
            self._last.popitem(last=False)
