"""One attempt of an ingestion: its collections as jobs of their own, run here, and what they amount to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spine.contracts.ingestion import CollectionOutcome, IngestionResult
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.personas import COLLECTIONS, CollectionName, IngestRequest, Persona
from spine.errors import ConflictError, ExternalServiceError, InvalidInputError, MillraceError
from spine.field_errors import field_errors, refuse
from spine.personas import PERSONA_INGESTION, QUEUE, PersonaDesk, ingestion_params
from spine.services import Services
from tasks.child_jobs import RunJob, run_to_end
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run
from tasks.persona_ingestion.collection_run import LIMITS as OF_ONE
from tasks.persona_ingestion.steps import sources_of

LIMITS = TimeLimits(soft=3 * OF_ONE.soft, hard=3 * OF_ONE.hard)
"""Each collection has limits of its own; these are for waiting, too."""

_LOOK_EVERY = 0.5  # seconds
_LEAST_WEIGHT = 1_000  # bytes


@dataclass
class Ingestion:
    """The persona, the jobs of its collections, and this attempt. What is done stands in the jobs' own records."""

    run: JobRun
    desk: PersonaDesk
    jobs: dict[CollectionName, Job]

    async def bring_in(self, names: Sequence[CollectionName], run_collection: RunJob) -> None:
        """Bring these collections, where they were asked for, to their ends at the same time.

        One that fails stops no other.
        """
        async with asyncio.TaskGroup() as group:
            for name in names:
                if name in self.jobs:
                    group.create_task(self._bring_in(name, run_collection))

    async def _bring_in(self, name: CollectionName, run_collection: RunJob) -> None:
        self.jobs[name] = await run_to_end(self.run.services, self.jobs[name], run_collection)

    async def finish(self) -> IngestionResult:
        """The sums. Raises the failure of the collections that failed."""
        job = self.run.job
        persona = await self.desk.settle(job.subject_id)
        outcomes: dict[CollectionName, CollectionOutcome] = {
            name: _outcome(persona, name, ended) for name, ended in self.jobs.items()
        }
        result = IngestionResult(
            persona_id=persona.persona_id,
            job_id=job.job_id,
            total_vectors=sum(one.total_vectors for one in outcomes.values()),
            left_out_total=sum(one.left_out_total for one in outcomes.values()),
            collections=outcomes,
        )
        self.run.result = result.model_dump(mode="json")
        _raise_failures(self.jobs)
        return result


@asynccontextmanager
async def open_ingestion(
    services: Services, persona_id: str, source: str | None, collections: Sequence[CollectionName] | None
) -> AsyncGenerator[Ingestion]:
    """Run the block as the job that was assigned to this flow, or as a new one.

    `ConflictError` with `.job_id` while another job ingests the persona.
    """
    given = assigned_job()
    alone = given is None and services.starter is None  # neither run by a lane nor called beside lanes
    desk = PersonaDesk(services.documents, services.ledger, swept=not alone)
    job = given or await _adopted(services, persona_id, source, collections)
    run: JobRun | None = None
    try:
        async with job_run(services, job, LIMITS) as run:
            jobs = await _jobs_to_do(services, desk, job)
            await (_claim_patiently(desk, job, jobs) if alone else desk.claim(job, jobs))
            async with _watched(Ingestion(run, desk, jobs)) as ingestion:
                yield ingestion
    except Exception as error:
        if run is not None and not run.lease_lost:
            await desk.job_ended_outside(job, f"The ingestion ended: {error}")
        raise


async def _adopted(
    services: Services, persona_id: str, source: str | None, collections: Sequence[CollectionName] | None
) -> Job:
    request = _checked(persona_id, source, collections)
    return await adopt_job(
        services.ledger,
        services.worker,
        pipeline=PERSONA_INGESTION,
        subject_id=persona_id,
        params=ingestion_params(persona_id, request),
        queue=QUEUE,
    )


def _checked(persona_id: str, source: str | None, collections: Sequence[CollectionName] | None) -> IngestRequest:
    try:
        Persona(persona_id=persona_id)
        return IngestRequest(source=source, collections=[*(collections or COLLECTIONS)])
    except ValidationError as error:
        refuse(field_errors(error))
        raise


async def _jobs_to_do(services: Services, desk: PersonaDesk, job: Job) -> dict[CollectionName, Job]:
    """A collection that failed in an earlier attempt is tried again; one that is done stays done."""
    jobs = await desk.collection_jobs(job)
    for name, child in jobs.items():
        if child.status in (JobStatus.FAILURE, JobStatus.DEAD):
            jobs[name] = await services.ledger.redrive(child.job_id)
    return jobs


async def _claim_patiently(desk: PersonaDesk, job: Job, jobs: dict[CollectionName, Job]) -> None:
    """A call without a stack gets over one that was killed, as soon as its lease has run out."""
    while True:
        try:
            await desk.claim(job, jobs)
            return
        except ConflictError as error:
            if not await desk.outlasts(error.details["job_id"]):
                raise


@asynccontextmanager
async def _watched(ingestion: Ingestion) -> AsyncGenerator[Ingestion]:
    watch = asyncio.create_task(_tell_progress(ingestion), name=f"progress of {ingestion.run.job.job_id}")
    try:
        yield ingestion
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _tell_progress(ingestion: Ingestion) -> None:
    """The collections' progress by the size of their sources, from the persona's record: they may run elsewhere."""
    run, weights = ingestion.run, await _weights(ingestion)
    said = ""
    while True:
        with suppress(MillraceError):
            views = (await ingestion.desk.get(run.job.subject_id)).collections
            shares: dict[CollectionName, float] = {name: views[name].progress for name in weights}
            percent = sum(weights[name] * share for name, share in shares.items()) / sum(weights.values())
            told = ", ".join(f"{name} {share:.0f} %" for name, share in shares.items())
            if told != said:
                said = told
                at_work = [name for name in weights if views[name].status == "processing"]
                await run.progress(min(percent, 99.0), " and ".join(at_work) or "waiting", told)
        await asyncio.sleep(_LOOK_EVERY)


async def _weights(ingestion: Ingestion) -> dict[CollectionName, int]:
    source: str = ingestion.run.job.params["source"]

    def weigh(name: CollectionName) -> int:
        with suppress(MillraceError, OSError):  # the collection itself says what is wrong with the folder
            return sources_of(source, name).size
        return 0

    def weights() -> dict[CollectionName, int]:
        return {name: weigh(name) + _LEAST_WEIGHT for name in ingestion.jobs}

    return await asyncio.to_thread(weights)


def _outcome(persona: Persona, name: CollectionName, job: Job) -> CollectionOutcome:
    view = persona.collections[name]
    counts: dict[str, Any] = job.result or {}
    told = {key: counts[key] for key in ("files", "chunks", "embedded", "removed") if key in counts}
    return CollectionOutcome(
        job_id=job.job_id,
        status=view.status,
        error=view.error,
        total_vectors=view.total_vectors,
        left_out_total=view.left_out_total,
        left_out=view.left_out,
        **told,
    )


def _raise_failures(jobs: dict[CollectionName, Job]) -> None:
    failed = {name: job for name, job in jobs.items() if job.status is not JobStatus.SUCCESS}
    if not failed:
        return
    told = "; ".join(f"{name}: {_reason(job)}" for name, job in failed.items())
    if any(job.error and job.error.retryable for job in failed.values()):
        raise ExternalServiceError(told, service="ingestion")
    raise InvalidInputError(told)


def _reason(job: Job) -> str:
    if job.status is JobStatus.REVOKED:
        return "was cancelled"
    return job.error.message if job.error else f"ended as {job.status}"
