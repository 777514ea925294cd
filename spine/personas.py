"""Personas: who may ingest one now, the jobs of an ingestion, and how far each collection has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from spine.contracts.ingestion import CollectionResult
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.personas import (
    CollectionName,
    CollectionStatus,
    CollectionView,
    IngestRequest,
    Persona,
    PersonaStatus,
)
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, PERSONAS
from spine.errors import ConflictError, DuplicateError, NotFoundError
from spine.jobs import JobLedger, from_document
from spine.persona_holders import held_by, outlasts, refuse_while_held
from spine.ports import Document, Documents

PERSONA_INGESTION: Final = "persona_ingestion"
INGEST_COLLECTION: Final = "ingest_collection"
QUEUE: Final = "ingestion"

HELD: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a collection's new job is due by itself: never. Its parent leases it; after a crash it is due like any other."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored ingestion: its job, and the job of each collection."""

    job: Job
    jobs: Mapping[CollectionName, Job]


class PersonaDesk:
    """Personas in `documents`, their jobs in `ledger`. Holds nothing between calls.

    A persona is ingested by one job at a time. Who that is stands in the persona's own record (`job_id`, and one for
    each collection), and is changed only together with the proof that the one before has ended: a job that is
    finished, or, where nobody sweeps, whose lease ran out.
    """

    def __init__(self, documents: Documents, ledger: JobLedger, *, swept: bool = True) -> None:
        """`swept`: somebody takes a job up again that lost its process (the lanes' sweeper, or the gateway's where
        there is no queue). A plain Python call without a stack has nobody, and ends such a job itself."""
        self._documents = documents
        self._ledger = ledger
        self._swept = swept

    async def get(self, persona_id: str) -> Persona:
        document = await self._documents.get(PERSONAS, persona_id)
        if document is None:
            raise NotFoundError(f"There is no persona {persona_id}.")
        return persona_from(document)

    # -- starting ----------------------------------------------------------------------------------------

    async def accept(self, persona_id: str, request: IngestRequest, *, idempotency_key: str | None = None) -> Accepted:
        """Store an ingestion and its jobs; a known key gives those it made.

        `ConflictError` with `.job_id` while another job ingests the persona, and for a key that was used for
        something else.
        """
        key = f"ingest:{idempotency_key}" if idempotency_key else None
        params = ingestion_params(persona_id, request)
        known = await self._ledger.by_key(key) if key else None
        if known is None:
            persona = await self._found_or_made(persona_id)
            await refuse_while_held(self._ledger, persona, (), swept=self._swept)
        job, new = await self._ledger.create(
            PERSONA_INGESTION, persona_id, idempotency_key=key, params=params, queue=QUEUE
        )
        if job.params != params:
            raise ConflictError("This Idempotency-Key was used for another ingestion.")
        jobs = await self.collection_jobs(job)
        if new:
            await self._claim_or_withdraw(job, jobs)
        return Accepted(job, jobs)

    async def collection_jobs(self, parent: Job) -> dict[CollectionName, Job]:
        """The job of each collection that the ingestion was asked for, made when it is missing."""
        request = IngestRequest(collections=parent.params["collections"], source=parent.params["source"])
        found: dict[CollectionName, Job] = {}
        for collection in request.collections:
            found[collection], _ = await self._ledger.create(
                INGEST_COLLECTION,
                parent.subject_id,
                idempotency_key=f"ingest:{parent.job_id}:{collection}",
                params={"persona_id": parent.subject_id, "collection": collection, "source": request.source},
                queue=QUEUE,
                parent_job_id=parent.job_id,
                trace_id=parent.trace_id,
                run_after=HELD,
            )
        return found

    async def claim(self, parent: Job, jobs: Mapping[CollectionName, Job]) -> Persona:
        """Make `parent` the one that ingests its persona; does nothing when it is that already.

        `ConflictError` with `.job_id` while another job is.
        """
        mine = {parent.job_id, *(job.job_id for job in jobs.values())}
        while True:
            persona = await self._found_or_made(parent.subject_id)
            await refuse_while_held(self._ledger, persona, mine, swept=self._swept)
            document = await self._documents.update(
                PERSONAS,
                {"_id": persona.persona_id, **held_by(persona)},
                set={
                    "status": str(PersonaStatus.INGESTING),
                    "job_id": parent.job_id,
                    "updated": iso(utc_now()),
                    **_views_of(persona, jobs),
                },
            )
            if document is not None:  # else somebody was quicker: look again who
                return persona_from(document)

    async def outlasts(self, job_id: str) -> bool:
        """Wait until it is certain whether the running job is alive; true when it has ended or its process is gone."""
        return await outlasts(self._ledger, job_id)

    async def _claim_or_withdraw(self, job: Job, jobs: Mapping[CollectionName, Job]) -> None:
        try:
            await self.claim(job, jobs)
        except ConflictError:
            for stored in (job, *jobs.values()):
                with suppress(ConflictError):
                    await self._ledger.cancel(stored.job_id)
            raise

    async def _found_or_made(self, persona_id: str) -> Persona:
        with suppress(NotFoundError):
            return await self.get(persona_id)
        with suppress(DuplicateError):
            await self._documents.insert(PERSONAS, persona_document(Persona(persona_id=persona_id)))
        return await self.get(persona_id)

    # -- one collection ----------------------------------------------------------------------------------

    async def collection_began(self, job: Job, embedding_model: str) -> float:
        """The percentage that an earlier attempt of the job has told: what is shown of a job never falls.

        `ConflictError` when a later ingestion has taken this one's place.
        """
        changes: dict[str, Any] = {
            "status": str(CollectionStatus.PROCESSING),
            "error": None,
            "started": iso(utc_now()),
            "finished": None,
        }
        ingesting = str(PersonaStatus.INGESTING)
        noted = await self._note(job, changes, status=ingesting, embedding_model=embedding_model)
        if noted is None:
            raise ConflictError(
                f"A later ingestion of {job.subject_id} has taken the place of job {job.job_id}; start a new one."
            )
        return persona_from(noted).collections[job.params["collection"]].progress

    async def collection_progressed(self, job: Job, percent: float, total_vectors: int) -> None:
        await self._note(job, {"progress": round(percent, 2), "total_vectors": total_vectors})

    async def collection_completed(self, job: Job, result: CollectionResult) -> None:
        told = result.model_dump(mode="json", include={"total_vectors", "left_out", "left_out_total"})
        ended = {"status": str(CollectionStatus.COMPLETED), "progress": 100.0, "finished": iso(utc_now())}
        await self._note(job, {**ended, **told, "error": None})

    async def collection_failed(self, job: Job, message: str) -> None:
        """What is stored stays, and stays searchable."""
        ended = {"status": str(CollectionStatus.FAILED), "error": message, "finished": iso(utc_now())}
        await self._note(job, ended)

    async def _note(self, job: Job, view: Mapping[str, Any], **fields: Any) -> Document | None:
        """Change the view of the job's collection, unless a later job has taken its place."""
        place = f"collections.{job.params['collection']}"
        changes = {f"{place}.{name}": value for name, value in view.items()}
        where = {"_id": job.subject_id, f"{place}.job_id": job.job_id}
        set = {**changes, **fields, "updated": iso(utc_now())}
        return await self._documents.update(PERSONAS, where, set=set)

    # -- ending ------------------------------------------------------------------------------------------

    async def settle(self, persona_id: str) -> Persona:
        """Give the persona the status that its collections amount to."""
        persona = await self.get(persona_id)
        status = status_from(persona.collections.values())
        if status is not persona.status:
            where = {"_id": persona_id, **held_by(persona)}
            await self._documents.update(PERSONAS, where, set={"status": str(status), "updated": iso(utc_now())})
        return persona.model_copy(update={"status": status})

    async def job_ended_outside(self, job: Job, message: str) -> None:
        """A job that ended with no flow to say so (cancelled while it waited, given up): what it did not do, failed."""
        if job.pipeline == PERSONA_INGESTION:
            for child in await self._documents.find(JOBS, {"parent_job_id": job.job_id}):
                await self._end(from_document(child), message)
        else:
            await self.collection_failed(job, message)
        with suppress(NotFoundError):
            await self.settle(job.subject_id)

    async def _end(self, child: Job, message: str) -> None:
        """One that runs elsewhere is asked to stop and tells its own end."""
        if child.status.is_final:
            return
        with suppress(ConflictError):
            child = await self._ledger.cancel(child.job_id)
        if child.status is JobStatus.REVOKED:
            await self.collection_failed(child, message)


def ingestion_params(persona_id: str, request: IngestRequest) -> dict[str, Any]:
    """The parameters of the flow; the persona's own folder where the request names none."""
    return {"persona_id": persona_id, "source": request.source or persona_id, "collections": [*request.collections]}


def status_from(views: Collection[CollectionView]) -> PersonaStatus:
    """Collections that were never asked for say nothing."""
    statuses = {view.status for view in views if view.job_id is not None}
    if statuses & {CollectionStatus.PENDING, CollectionStatus.PROCESSING}:
        return PersonaStatus.INGESTING
    if CollectionStatus.FAILED in statuses:
        return PersonaStatus.FAILED
    return PersonaStatus.ACTIVE if statuses else PersonaStatus.DRAFT


def _views_of(persona: Persona, jobs: Mapping[CollectionName, Job]) -> dict[str, Any]:
    """Fresh views for the jobs that have something to do and are not shown yet."""
    changes: dict[str, Any] = {}
    for name, job in jobs.items():
        view = persona.collections[name]
        if not job.status.is_final and view.job_id != job.job_id:
            fresh = CollectionView(job_id=job.job_id, total_vectors=view.total_vectors)
            changes[f"collections.{name}"] = fresh.model_dump(mode="json")
    return changes


def persona_document(persona: Persona) -> Document:
    fields = persona.model_dump(mode="json")
    return {"_id": fields.pop("persona_id"), **fields}


def persona_from(document: Document) -> Persona:
    fields = dict(document)
    return Persona(persona_id=fields.pop("_id"), **fields)
