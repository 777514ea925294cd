"""One attempt of a batch: its items as ordinary reviews, a few at a time, with the batch's own progress."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect.runtime import flow_run as prefect_flow_run

from spine.batch_rows import read_rows, rows_of_list
from spine.batches import BATCH, QUEUE, BatchDesk, batch_width, item_key
from spine.contracts.batches import Batch, BatchItem, BatchResult
from spine.errors import ConflictError, InvalidInputError
from spine.idempotency import digest
from spine.progress import announce_state
from spine.review_jobs import ReviewJobs
from spine.services import Services
from spine.submissions import ReviewDesk
from tasks.child_jobs import ChildJobs, RunJob, patiently
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run

STEP = "items"
_ONE_REVIEW = 1800.0  # seconds, the hard limit of a review


@dataclass
class BatchRun:
    """The items still to do live here and go with the attempt; what was done is in the reviews' own records."""

    run: JobRun
    batch: Batch
    desk: BatchDesk
    reviews: ReviewJobs
    width: int
    done: int = 0

    async def finish_all(self, run_review: RunJob) -> BatchResult:
        """Bring every item to its end, at most `width` at a time; a resumed batch finds those that have ended."""
        left = iter(self.batch.items)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.width, len(self.batch.items))):
                    group.create_task(self._work(left, run_review))
        except asyncio.CancelledError:
            if self.run.cancel_requested:
                await self._revoke_waiting()
            raise
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first fault ended the others
        result = await self.desk.result(self.batch)
        self.run.result = result.model_dump(mode="json")
        return result

    async def _work(self, left: Iterator[BatchItem], run_review: RunJob) -> None:
        for item in left:
            ended = await self._review(item, run_review)
            self.done += 1
            percent = 100 * self.done / len(self.batch.items)
            told = f"row {item.row}: {ended}"
            await self.run.progress(percent, STEP, f"{told} ({self.done} of {len(self.batch.items)})")

    async def _review(self, item: BatchItem, run_review: RunJob) -> str:
        """The status that the item's job ended with."""
        key, parent = item_key(self.batch, item), self.run.job.job_id
        submit = partial(self.reviews.submit, item.request, idempotency_key=key, parent_job_id=parent)
        try:
            _, job = await patiently(submit)
        except ConflictError as error:
            await self.run.log(f"row {item.row}: {error}", "warning")
            return "refused"
        return str((await ChildJobs(self.run.services, run_review).finish(job)).status)

    async def _revoke_waiting(self) -> None:
        """What has begun goes on; what waits is taken back, and its submission says why."""
        services = self.run.services
        reviewed = ReviewDesk(services.documents, services.ledger)
        for job in await self.desk.waiting_jobs(self.batch):
            with suppress(ConflictError):
                revoked = await services.ledger.cancel(job.job_id)
                await reviewed.job_ended_outside(revoked, "The batch was cancelled before this review began.")
                await announce_state(services.progress, revoked, "the batch was cancelled")


@asynccontextmanager
async def open_batch(
    services: Services, batch_id: str | None, items: list[dict[str, Any]] | None
) -> AsyncGenerator[BatchRun]:
    """The batch that the lane assigned to this flow; else the stored one of this id, or a new one of these items."""
    desk = BatchDesk(services.documents, services.ledger)
    job = assigned_job()
    batch = await desk.get(job.subject_id) if job else await _given(desk, batch_id, items)
    job = job or await adopt_job(
        services.ledger,
        services.worker,
        pipeline=BATCH,
        subject_id=batch.batch_id,
        params={"batch_id": batch.batch_id},
        queue=QUEUE,
    )
    width = batch_width()
    async with job_run(services, job, _limits(len(batch.items), width)) as run:
        yield BatchRun(run, batch, desk, ReviewJobs(services.documents, services.ledger), width)


async def _given(desk: BatchDesk, batch_id: str | None, items: list[dict[str, Any]] | None) -> Batch:
    if batch_id is not None:
        return await desk.get(batch_id)
    taken, refused = read_rows(rows_of_list(items or []))
    if not taken:
        told = "; ".join(f"row {error.row}, {error.field}: {error.message}" for error in refused[:3])
        raise InvalidInputError(f"No row of the batch is a submission: {told}.")
    flow_run_id = prefect_flow_run.get_id()
    return await desk.store(taken, refused, f"bat_{digest('flow-run', flow_run_id)}" if flow_run_id else None)


def _limits(items: int, width: int) -> TimeLimits:
    """As long as all reviews may take one after the other in each of the places, twice over for their queue."""
    hard = 2 * _ONE_REVIEW * math.ceil(items / width) + _ONE_REVIEW
    return TimeLimits(soft=hard * 0.9, hard=hard)
