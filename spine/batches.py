"""Batches of submissions: storing one with its summary job, and where each of its items stands."""

from __future__ import annotations

import os
from collections.abc import Sequence

from spine.contracts.batches import Batch, BatchItem, BatchResult, ItemOutcome, RowError
from spine.contracts.jobs import Job, JobStatus
from spine.documents import BATCHES, JOBS, SUBMISSIONS
from spine.errors import ConflictError, DuplicateError, NotConfiguredError, NotFoundError
from spine.idempotency import digest, new_id
from spine.jobs import JobLedger, from_document
from spine.ports import Document, Documents

BATCH = "batch"
QUEUE = "batches"
"""A queue of its own: a summary job waits for reviews, and must not stand in their way."""

DEFAULT_WIDTH = 4
WIDEST = 64
_MAX_ATTEMPTS = 10
"""A summary job costs nothing to resume and may run for hours, over many restarts."""


class BatchDesk:
    """Batches in `documents`, their jobs in `ledger`. Holds nothing between calls."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    async def accept(
        self, items: Sequence[BatchItem], refused: Sequence[RowError] = (), *, idempotency_key: str | None = None
    ) -> tuple[Batch, Job]:
        """The stored batch and its summary job; a known key gives those it made.

        `ConflictError` when the key was used for other rows.
        """
        batch = await self.store(items, refused, f"bat_{digest(BATCH, idempotency_key)}" if idempotency_key else None)
        job, _ = await self._ledger.create(
            BATCH,
            batch.batch_id,
            idempotency_key=f"batch:{batch.batch_id}",
            params={"batch_id": batch.batch_id},
            queue=QUEUE,
            max_attempts=_MAX_ATTEMPTS,
        )
        return batch, job

    async def store(
        self, items: Sequence[BatchItem], refused: Sequence[RowError] = (), batch_id: str | None = None
    ) -> Batch:
        """Store the rows without starting anything; a known id gives the batch that has it."""
        rows = [*(item.model_dump(mode="json") for item in items), *(error.model_dump() for error in refused)]
        batch = Batch(batch_id=batch_id or new_id("bat"), items=[*items], refused=[*refused], fingerprint=digest(rows))
        try:
            await self._documents.insert(BATCHES, batch_document(batch))
        except DuplicateError:
            known = await self.get(batch.batch_id)
            if known.fingerprint != batch.fingerprint:
                raise ConflictError("This Idempotency-Key was used for another batch.") from None
            return known
        return batch

    async def get(self, batch_id: str) -> Batch:
        document = await self._documents.get(BATCHES, batch_id)
        if document is None:
            raise NotFoundError(f"There is no batch {batch_id}.")
        return batch_from(document)

    async def job_of(self, batch: Batch) -> Job | None:
        found = await self._documents.find(
            JOBS, {"subject_id": batch.batch_id, "pipeline": BATCH}, sort=[("created", -1)], limit=1
        )
        return from_document(found[0]) if found else None

    async def result(self, batch: Batch) -> BatchResult:
        """How many ended how, and where every item stands now."""
        jobs = {job.idempotency_key: job for job in await self._jobs(batch)}
        titles = await self._titles([job.subject_id for job in jobs.values()])
        items = [_outcome(item, jobs.get(f"submit:{item_key(batch, item)}"), titles) for item in batch.items]
        return BatchResult(
            batch_id=batch.batch_id,
            total=len(items),
            succeeded=_count(items, JobStatus.SUCCESS),
            failed=_count(items, JobStatus.FAILURE, JobStatus.DEAD),
            cancelled=_count(items, JobStatus.REVOKED),
            refused=len({error.row for error in batch.refused}),
            items=items,
        )

    async def waiting_jobs(self, batch: Batch) -> list[Job]:
        """Reviews of this batch that were given to the queue and have not begun."""
        waiting = (JobStatus.PENDING, JobStatus.RETRY)
        return [job for job in await self._jobs(batch) if job.status in waiting]

    async def _jobs(self, batch: Batch) -> list[Job]:
        parent = await self.job_of(batch)
        found = await self._documents.find(JOBS, {"parent_job_id": parent.job_id}) if parent else []
        return [from_document(document) for document in found]

    async def _titles(self, submission_ids: Sequence[str]) -> dict[str, str | None]:
        found = await self._documents.find(SUBMISSIONS, {"_id": {"$in": [*submission_ids]}}) if submission_ids else []
        return {document["_id"]: document.get("title") for document in found}


def item_key(batch: Batch, item: BatchItem) -> str:
    """The idempotency key of an item's submission: the same row of the same batch is submitted once."""
    return f"{batch.batch_id}:{item.row}"


def batch_width() -> int:
    """How many reviews of one batch run at once: `MILLRACE_BATCH_CONCURRENCY`, 4 without it, 1 to 64."""
    given = os.environ.get("MILLRACE_BATCH_CONCURRENCY", "").strip() or str(DEFAULT_WIDTH)
    if not given.isdecimal() or not 1 <= int(given) <= WIDEST:
        raise NotConfiguredError(
            f"MILLRACE_BATCH_CONCURRENCY must be a whole number from 1 to {WIDEST}.", what="MILLRACE_BATCH_CONCURRENCY"
        )
    return int(given)


def _outcome(item: BatchItem, job: Job | None, titles: dict[str, str | None]) -> ItemOutcome:
    if job is None:
        return ItemOutcome(row=item.row, amazon_url=item.request.amazon_url)
    return ItemOutcome(
        row=item.row,
        submission_id=job.subject_id,
        job_id=job.job_id,
        status=str(job.status),
        title=titles.get(job.subject_id),
        amazon_url=item.request.amazon_url,
        error=job.error.message if job.error else None,
    )


def _count(items: Sequence[ItemOutcome], *statuses: JobStatus) -> int:
    return sum(item.status in statuses for item in items)


def batch_document(batch: Batch) -> Document:
    fields = batch.model_dump(mode="json")
    return {"_id": fields.pop("batch_id"), **fields}


def batch_from(document: Document) -> Batch:
    fields = dict(document)
    return Batch(batch_id=fields.pop("_id"), **fields)
