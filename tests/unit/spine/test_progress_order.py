"""What is told of one attempt from several places at once arrives in the order in which it was so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from spine.contracts.progress import ProgressEvent
from spine.jobs import JobLedger
from spine.progress import ProgressReporter
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog


class UnevenLog(MemoryProgressLog):
    """Every second event takes its time on the way, as over connections of which one is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.published = 0

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        self.published += 1
        for _ in range(5 * (self.published % 2)):
            await asyncio.sleep(0)
        return await super().publish(event)

    async def publish_many(self, events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
        return [await self.publish(event) for event in events]


async def test_progress_never_falls_however_many_parts_of_a_stage_tell_it_at_once() -> None:
    log, ledger = UnevenLog(), JobLedger(MemoryDocuments())
    job, _ = await ledger.create("book_review", "sub_1")
    reporter = ProgressReporter(job, log, ledger)
    await asyncio.gather(
        *(reporter.progress(percent, "additional_links_scrape") for percent in range(20)),
        *(reporter.log("a link was read") for _ in range(10)),
        reporter.output([("stdout", "a line"), ("stdout", "another")]),
    )
    told = [event.progress for event in log.events[job.job_id]]
    assert len(told) == 32 and told == sorted(told)
