"""Something of everything that the pages show: what a stack looks like after a working day."""

from __future__ import annotations

from datetime import timedelta

from gateway.context import PassageSearch
from spine.contracts.personas import CollectionStatus, CollectionView, IngestRequest, LeftOut, Persona, PersonaStatus
from spine.contracts.retrieval import SearchHit
from spine.contracts.timestamps import utc_now
from spine.documents import PERSONAS
from spine.personas import PersonaDesk, persona_document
from tests.gateway.gateway_desk import Desk

HITS = [
    SearchHit(
        id="1",
        text="Once upon a midnight dreary, while I pondered, weak and weary,\nOver many a quaint and curious volume",
        score=0.912,
        collection="works",
        work="poems/the-raven",
        section="The Raven › I",
        start=0,
        end=103,
    ),
    SearchHit(id="2", text="Words have no power to impress the mind.", score=0.441, collection="quotes"),
]


async def found_passages(search: PassageSearch) -> list[SearchHit]:
    return HITS


async def add_personas(desk: Desk) -> list[str]:
    """One that is being ingested, one that is ready with places left out, one that failed; the paths of their pages."""
    await PersonaDesk(desk.documents, desk.context.ledger).accept("eminescu", IngestRequest())
    begun = utc_now() - timedelta(minutes=4)
    ended = begun + timedelta(seconds=93)
    works = CollectionView(
        status=CollectionStatus.COMPLETED,
        progress=100,
        total_vectors=4_211,
        job_id="job_works",
        left_out=[LeftOut(file="works/tales.pdf", part="page 12", reason="The page has no text, only a picture.")],
        left_out_total=3,
        started=begun,
        finished=ended,
    )
    quotes = CollectionView(
        status=CollectionStatus.FAILED,
        progress=40,
        total_vectors=112,
        job_id="job_quotes",
        error="quotes/quotes.csv has no column for the text: name one `text` or `quote`.",
        started=begun,
        finished=ended,
    )
    done = works.model_copy(update={"left_out": [], "left_out_total": 0})
    views = {"works": works, "quotes": quotes, "profile": CollectionView()}
    poe = Persona(persona_id="poe", status=PersonaStatus.FAILED, collections=views, embedding_model="minilm-int8")
    woolf = Persona(
        persona_id="woolf",
        status=PersonaStatus.ACTIVE,
        collections={"works": done, "quotes": done, "profile": done},
    )
    for persona in (poe, woolf):
        await desk.documents.insert(PERSONAS, persona_document(persona))
    return ["/persona/eminescu", "/persona/poe", "/persona/woolf", "/persona/poe?q=raven"]
