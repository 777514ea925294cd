"""One attempt of one collection's job: its progress, what the persona's record says of it, and how it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from spine.contracts.ingestion import CollectionResult
from spine.contracts.jobs import Job
from spine.contracts.personas import CollectionName
from spine.errors import InvalidInputError
from spine.passages_port import PassageStores
from spine.personas import PersonaDesk
from spine.services import Services
from tasks.job_run import JobRun, TimeLimits, assigned_job, job_run

LIMITS = TimeLimits(soft=6_900, hard=7_200)
STEP = "embedding"
_TELL_EVERY = 0.5  # seconds
_READ_AND_STORED = 98.0  # percent; the rest is for what has to go

_running: ContextVar[CollectionRun] = ContextVar("millrace_collection_run")


@dataclass
class CollectionRun:
    """What is told of a collection while it is brought up to date. Lives as long as the attempt."""

    run: JobRun
    desk: PersonaDesk
    stores: PassageStores
    percent: float = 0.0
    """The highest that was told of the job; a retry reads from the start again, and what is shown never falls."""
    began: float = field(default_factory=time.monotonic)
    _told: float = -_TELL_EVERY
    _checkpoint: bool = False

    async def tell(self, share: float, result: CollectionResult) -> None:
        """`share` of the sources is stored. Said at most twice a second."""
        await self._note_checkpoint(result)
        now = time.monotonic()
        if now - self._told < _TELL_EVERY and share < 1:
            return
        self._told = now
        self.percent = max(self.percent, _READ_AND_STORED * share)
        stored = result.embedded + result.refreshed + result.kept
        new = f", {result.embedded:,} of them new" if result.embedded else ""
        await self.run.progress(self.percent, STEP, f"{stored:,} passages are in place{new}")
        await self.desk.collection_progressed(self.run.job, self.percent, result.total_vectors)

    async def _note_checkpoint(self, result: CollectionResult) -> None:
        """Every batch is durable anyway; past the soft limit the log says how far that is."""
        if self._checkpoint or time.monotonic() - self.began < self.run.limits.soft:
            return
        self._checkpoint = True
        stored = result.embedded + result.refreshed + result.kept
        await self.run.log(f"checkpoint: {stored:,} passages are stored; another run goes on from there", "warning")

    async def complete(self, result: CollectionResult) -> CollectionResult:
        self.run.result = result.model_dump(mode="json")
        for place in result.left_out[:20]:
            where = f" line {place.line}" if place.line else f" {place.part}" if place.part else ""
            await self.run.log(f"left out: {place.file}{where}: {place.reason}", "warning")
        await self.desk.collection_completed(self.run.job, result)
        return result


def current_collection() -> CollectionRun:
    """The attempt whose block surrounds the caller."""
    return _running.get()


@asynccontextmanager
async def open_collection(
    services: Services, persona_id: str, collection: CollectionName
) -> AsyncGenerator[CollectionRun]:
    """Run the block as the job that was assigned to this flow; the persona's record tells how it goes and ends.

    `InvalidInputError` where no job was assigned: a collection is part of an ingestion.
    """
    job = assigned_job()
    if job is None:
        raise InvalidInputError(
            f"Start it as persona_ingestion(persona_id={persona_id!r}, collections=[{collection!r}]): "
            "a collection's job is part of an ingestion."
        )
    desk = PersonaDesk(services.documents, services.ledger)
    try:
        async with job_run(services, job, LIMITS) as run:
            stores = await services.passages()
            percent = await desk.collection_began(job, stores.embedder.name)
            yield _entered(CollectionRun(run, desk, stores, percent))
    except Exception as error:
        await _record_end(services, desk, job, str(error))
        raise
    await _settle_alone(services, desk, job)


def _entered(collection: CollectionRun) -> CollectionRun:
    _running.set(collection)
    return collection


async def _record_end(services: Services, desk: PersonaDesk, job: Job, message: str) -> None:
    """Only when it was the job that ended, not this attempt of it: another process may have taken over."""
    if (await services.ledger.get(job.job_id)).status.is_final:
        await desk.collection_failed(job, message)
        await _settle_alone(services, desk, job)


async def _settle_alone(services: Services, desk: PersonaDesk, job: Job) -> None:
    """An ingestion that still runs settles its persona itself, when all its collections have ended."""
    parent = await services.ledger.get(job.parent_job_id) if job.parent_job_id else None
    if parent is None or parent.status.is_final:
        await desk.settle(job.subject_id)
