"""Personas: ingesting their sources, how far that has come, and searching what is stored."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, Field

from gateway.context import PassageSearch
from gateway.dependencies import Context
from gateway.listing import NEWEST_FIRST, Cursor, Limit, Listing, given, listing
from gateway.problems import ProblemError
from gateway.starting import hand_over
from spine.contracts.jobs import JobStatus
from spine.contracts.personas import (
    COLLECTIONS,
    CollectionName,
    CollectionView,
    IngestRequest,
    Persona,
    PersonaId,
    PersonaStatus,
    Trust,
)
from spine.contracts.retrieval import SearchHit
from spine.contracts.timestamps import Timestamp
from spine.documents import PERSONAS, page_of
from spine.errors import ConflictError, InvalidInputError, NotFoundError
from spine.persona_folders import persona_folder
from spine.personas import PersonaDesk, persona_from
from spine.ports import Document

router = APIRouter(prefix="/api/personas", tags=["personas"])

Id = Annotated[PersonaId, Path(description="letters, digits, - and _")]


class IngestionStarted(BaseModel):
    """An ingestion that was accepted. Watch it at `WS /ws/tasks?job=…`."""

    persona_id: str = Field(examples=["eminescu"])
    job_id: str = Field(examples=["job_0193f0a2b4c1d2e3f4a5b6c7"])
    status: JobStatus
    jobs: dict[CollectionName, str] = Field(description="the job of each collection")


class PersonaView(BaseModel):
    """A persona and how far each of its collections has come."""

    persona_id: str
    status: PersonaStatus
    total_vectors: int = Field(description="of all collections")
    collections: dict[CollectionName, CollectionView]
    embedding_model: str | None
    job_id: str | None = Field(description="the latest ingestion")
    created: Timestamp
    updated: Timestamp


@router.get("", summary="List personas, newest first")
async def list_personas(
    context: Context, status: PersonaStatus | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Listing[PersonaView]:
    where = given(status=str(status) if status else None)
    page = await page_of(context.documents, PERSONAS, where, sort=NEWEST_FIRST, limit=limit, cursor=cursor)
    return listing(page, _view_of_document)


@router.get("/{persona_id}", summary="A persona and its collections")
async def get_persona(persona_id: Id, context: Context) -> PersonaView:
    return _view(await PersonaDesk(context.documents, context.ledger).get(persona_id))


@router.post("/{persona_id}/ingest", status_code=202, summary="Ingest a persona's sources")
async def ingest(
    persona_id: Id,
    context: Context,
    request: IngestRequest | None = None,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="the same key again gives the ingestion it made")
    ] = None,
) -> IngestionStarted:
    """What is stored already is not embedded again; what the sources give no more goes. A persona is ingested by one
    job at a time: 409 with the `job_id` of the one that runs."""
    request = request or IngestRequest()
    await _check_source(context, request.source or persona_id)
    desk = PersonaDesk(context.documents, context.ledger)
    try:
        accepted = await desk.accept(persona_id, request, idempotency_key=idempotency_key)
    except ConflictError as error:
        if "job_id" not in error.details:
            raise ProblemError(422, "idempotency_key_reused", error.message) from error
        raise ProblemError(409, error.error_code, error.message, job_id=error.details["job_id"]) from error
    await hand_over(context, accepted.job)
    return IngestionStarted(
        persona_id=persona_id,
        job_id=accepted.job.job_id,
        status=accepted.job.status,
        jobs={name: job.job_id for name, job in accepted.jobs.items()},
    )


@router.get("/{persona_id}/search", summary="Search a persona's passages")
async def search(
    persona_id: Id,
    context: Context,
    q: Annotated[str, Query(min_length=1, max_length=10_000, description="a question, a phrase or a name")],
    collection: Annotated[list[CollectionName] | None, Query(description="may be repeated; all without it")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    work: Annotated[str | None, Query(max_length=500, description="path of the work, without its ending")] = None,
    language: Annotated[str | None, Query(max_length=10, description="such as ro")] = None,
    trust: Annotated[Trust | None, Query(description="whose words")] = None,
    author: Annotated[str | None, Query(max_length=200, description="who is quoted")] = None,
) -> Listing[SearchHit]:
    """By meaning and by words, best first; the filters must all hold."""
    await PersonaDesk(context.documents, context.ledger).get(persona_id)
    asked = PassageSearch(
        persona_id=persona_id,
        question=q,
        collections=list(dict.fromkeys(collection or COLLECTIONS)),
        limit=limit,
        where=given(work=work, language=language, trust=trust, author=author),
    )
    hits = [*await context.search_passages(asked)]
    return Listing[SearchHit](items=hits, total=len(hits))


async def _check_source(context: Context, source: str) -> None:
    """The folder as it is now; a job looks again when it reads."""
    try:
        await asyncio.to_thread(persona_folder, context.personas_dir, source)
    except (InvalidInputError, NotFoundError) as error:
        fault = {"field": "source", "message": error.message}
        raise ProblemError(422, "invalid_input", error.message, errors=[fault]) from error


def _view_of_document(document: Document) -> PersonaView:
    return _view(persona_from(document))


def _view(persona: Persona) -> PersonaView:
    return PersonaView(**persona.model_dump(), total_vectors=persona.total_vectors)
