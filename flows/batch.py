"""Many books for review at once: one summary job, the reviews as ordinary jobs."""

from __future__ import annotations

from typing import Any, cast

from prefect import flow

from flows.book_review import book_review
from spine.contracts.batches import BatchResult
from spine.contracts.jobs import Job
from tasks.batch.run import open_batch
from tasks.job_run import assigned
from tasks.opening import open_run_services


@flow(name="batch", flow_run_name="batch {batch_id}", persist_result=False)
async def batch(batch_id: str | None = None, items: list[dict[str, Any]] | None = None) -> BatchResult:
    """Review many books, a few at a time (`MILLRACE_BATCH_CONCURRENCY`, default 4).

    Works with no server running as well: `await batch(items=[{"amazon_url": …}, …])`; the reviews then run here.

    Args:
        batch_id: A batch that is stored already, such as one that was interrupted.
        items: The submissions of a new batch, each with the fields of `POST /submit`.
    """
    async with open_run_services() as services, open_batch(services, batch_id, items) as running:
        return await running.finish_all(review_here)


async def review_here(job: Job) -> None:
    """Run one leased review in this process."""
    with assigned(job):
        await cast(Any, book_review)(**job.params)
