"""What the attempts at a card leave behind, written so that no attempt can act for a later one.

A process is recorded before it does anything, and only by the attempt that is the latest one of the latest run. Who
begins an attempt thereby sees every process of an earlier one and can end it: never two agents on one card.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from spine.contracts.cards import CardOutcome, CardRun, ProcessRecord
from spine.contracts.jobs import Job
from spine.contracts.timestamps import iso
from spine.documents import CARD_RUNS
from spine.errors import ConflictError, DuplicateError
from spine.ports import Document, Documents


class CardRuns:
    """Runs in `documents`. Holds nothing between calls."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def get(self, job_id: str) -> CardRun | None:
        document = await self._documents.get(CARD_RUNS, job_id)
        return run_from(document) if document is not None else None

    async def of_jobs(self, job_ids: list[str]) -> dict[str, CardRun]:
        found = await self._documents.find(CARD_RUNS, {"_id": {"$in": job_ids}}) if job_ids else []
        return {document["_id"]: run_from(document) for document in found}

    async def begin(self, job: Job) -> CardRun:
        """Make this attempt the one that may write; `ConflictError` when a later one has begun.

        From here on no earlier attempt and no other run of the card can record a process. What they recorded is left
        for `left_behind`.
        """
        await self._close_others(job)
        run = CardRun(
            job_id=job.job_id,
            card_id=job.subject_id,
            begun=_begun(job),
            attempt=job.attempts,
            asked=job.created,
        )
        try:
            await self._documents.insert(CARD_RUNS, run_document(run))
        except DuplicateError:
            return await self._begin_again(job)
        return run

    async def _begin_again(self, job: Job) -> CardRun:
        """The outcome of an earlier attempt stays, unless the job was put back to work after it."""
        known = await self._documents.get(CARD_RUNS, job.job_id) or {}
        changes: dict[str, Any] = {"begun": iso(_begun(job)), "attempt": job.attempts, "asked": iso(job.created)}
        if known.get("asked") != changes["asked"]:
            changes["outcome"] = None
        where = {"_id": job.job_id, "closed": False, "begun": {"$lte": iso(_begun(job))}}
        document = await self._documents.update(CARD_RUNS, where, set=changes)
        if document is None:
            raise ConflictError(f"A later attempt at card {job.subject_id} has begun.")
        return run_from(document)

    async def left_behind(self, card_id: str) -> list[CardRun]:
        """Runs of the card with a recorded process that may still live."""
        found = await self._documents.find(CARD_RUNS, {"card_id": card_id, "process": {"$ne": None}})
        return [run_from(document) for document in found]

    async def forget_process(self, run: CardRun) -> None:
        """That process has ended; a newer one that was recorded meanwhile stays."""
        if run.process is None:
            return
        same = {"_id": run.job_id, "process.pid": run.process.pid, "process.start_time": run.process.start_time}
        await self._documents.update(CARD_RUNS, same, set={"process": None})

    async def record_process(self, job: Job, process: ProcessRecord) -> None:
        """Before it does anything. `ConflictError`: this attempt must start nothing any more."""
        await self.write(job, process=process.model_dump())

    async def record_outcome(self, job: Job, outcome: CardOutcome, last_lines: list[str]) -> None:
        await self.write(job, outcome=outcome.model_dump(mode="json"), last_lines=last_lines)

    async def add_log(self, job: Job, log: str) -> None:
        await self.write(job, push={"logs": log})

    async def write(self, job: Job, *, push: dict[str, Any] | None = None, **values: Any) -> CardRun:
        """Set fields of this attempt's record; `ConflictError` when a later attempt or run has taken over."""
        mine = {"_id": job.job_id, "closed": False, "begun": iso(_begun(job))}
        document = await self._documents.update(CARD_RUNS, mine, set=values or None, push=push)
        if document is None:
            raise ConflictError(f"Attempt {job.attempts} of {job.job_id} was taken over; it may change nothing more.")
        return run_from(document)

    async def _close_others(self, job: Job) -> None:
        others = {
            "card_id": job.subject_id,
            "_id": {"$ne": job.job_id},
            "closed": False,
            "begun": {"$lte": iso(_begun(job))},
        }
        while await self._documents.update(CARD_RUNS, others, set={"closed": True}) is not None:
            pass


def _begun(job: Job) -> datetime:
    return job.started or job.created


def run_document(run: CardRun) -> Document:
    fields = run.model_dump(mode="json")
    return {"_id": fields.pop("job_id"), **fields}


def run_from(document: Document) -> CardRun:
    fields = dict(document)
    return CardRun(job_id=fields.pop("_id"), **fields)
