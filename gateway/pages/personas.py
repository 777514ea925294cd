"""Personas: how far their ingestion has come, what was left out, and a search in what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.context import GatewayContext, PassageSearch
from gateway.dependencies import Context
from gateway.listing import NEWEST_FIRST, Cursor, given
from gateway.pages.rendering import page
from gateway.pages.views import since
from spine.contracts.personas import COLLECTIONS, CollectionStatus, CollectionView, Persona, PersonaStatus
from spine.contracts.retrieval import SearchHit
from spine.contracts.timestamps import utc_now
from spine.documents import PERSONAS, page_of
from spine.errors import MillraceError
from spine.personas import PersonaDesk, persona_from

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 25
HITS = 10


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """One collection of a persona. `bar` is what its progress bar shows; None while nothing is done for it."""

    name: str
    view: CollectionView
    seconds: float | None
    bar: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search gave. `problem` says why there are no hits when it could not be asked at all."""

    hits: Sequence[SearchHit] = ()
    problem: str = ""


@router.get("/personas")
async def personas(request: Request, context: Context, status: str = "", cursor: Cursor = None) -> Response:
    chosen = next((known for known in PersonaStatus if known == status), None)
    where = given(status=str(chosen) if chosen else None)
    found = await page_of(context.documents, PERSONAS, where, sort=NEWEST_FIRST, limit=PAGE_SIZE, cursor=cursor)
    listed = [persona_from(document) for document in found.items]
    return page(
        request,
        "personas.html",
        personas=[(persona, collection_rows(persona)) for persona in listed],
        total=found.total,
        next=found.next,
        first=cursor is None,
        status=str(chosen or ""),
        statuses=list(PersonaStatus),
    )


@router.get("/persona/{persona_id}")
async def persona(
    persona_id: str, request: Request, context: Context, q: Annotated[str, Query(max_length=1_000)] = ""
) -> Response:
    found = await PersonaDesk(context.documents, context.ledger).get(persona_id)
    return page(
        request,
        "persona.html",
        persona=found,
        rows=collection_rows(found),
        q=q,
        answer=await _search(context, persona_id, q.strip()),
    )


def collection_rows(persona: Persona) -> list[CollectionRow]:
    """Every collection of a persona, in the order in which people know them."""
    return [_row(name, persona.collections[name]) for name in COLLECTIONS if name in persona.collections]


def _row(name: str, view: CollectionView) -> CollectionRow:
    running = view.status in (CollectionStatus.PENDING, CollectionStatus.PROCESSING) and view.job_id is not None
    bar = {"job_id": view.job_id, "progress": view.progress, "current_step": ""} if running else None
    seconds = since(view.started, view.finished or utc_now()) if view.job_id else None
    return CollectionRow(name, view, seconds, bar)


async def _search(context: GatewayContext, persona_id: str, question: str) -> Answer | None:
    """None without a question. A store that does not answer leaves the rest of the page as it is."""
    if not question:
        return None
    asked = PassageSearch(
        persona_id=persona_id, question=question, collections=list(COLLECTIONS), limit=HITS, where=given()
    )
    try:
        return Answer(hits=await context.search_passages(asked))
    except MillraceError as error:
        return Answer(problem=error.message)
