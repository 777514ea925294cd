"""The in-memory twin of the progress log."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from spine.contracts.progress import ProgressEvent


class MemoryProgressLog:
    """A `ProgressLog` that lives as long as its object; announcements reach readers of the same process."""

    def __init__(self) -> None:
        self.events: dict[str, list[ProgressEvent]] = defaultdict(list)
        self._readers: set[asyncio.Queue[ProgressEvent]] = set()

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        stored = event.model_copy(update={"seq": len(self.events[event.job_id]) + 1})
        self.events[event.job_id].append(stored)
        for reader in self._readers:
            reader.put_nowait(stored)
        return stored

    async def publish_many(self, events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
        return [await self.publish(event) for event in events]

    async def read(self, job_id: str, since: int = 0, limit: int = 1000) -> list[ProgressEvent]:
        return [event for event in self.events[job_id] if event.seq > since][:limit]

    async def held(self) -> list[str]:
        return sorted(job_id for job_id, events in self.events.items() if events)

    async def forget(self, job_ids: Sequence[str]) -> int:
        return sum(bool(self.events.pop(job_id, None)) for job_id in job_ids)

    async def announcements(self) -> AsyncIterator[ProgressEvent | None]:
        reader: asyncio.Queue[ProgressEvent] = asyncio.Queue()
        self._readers.add(reader)
        try:
            yield None
            while True:
                yield await reader.get()
        finally:
            self._readers.discard(reader)
