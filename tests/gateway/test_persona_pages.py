"""The pages of personas: what they show, and what can be done there."""

from __future__ import annotations

import httpx

from gateway.context import PassageSearch
from spine.contracts.personas import Persona
from spine.contracts.retrieval import SearchHit
from spine.documents import JOBS, PERSONAS
from spine.errors import ExternalServiceError
from spine.personas import INGEST_COLLECTION, persona_document
from tests.gateway.furnishing import HITS, add_personas
from tests.gateway.gateway_desk import Desk, open_desk


async def test_an_empty_list_says_what_to_do(client: httpx.AsyncClient) -> None:
    assert "millrace ingest NAME --source FOLDER" in (await client.get("/personas")).text


async def test_the_list_shows_every_persona_with_counts_and_the_bars_of_what_runs(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await add_personas(desk)
    text = (await client.get("/personas")).text
    children = await desk.documents.find(JOBS, {"pipeline": INGEST_COLLECTION})
    assert len(children) == 3
    for expected in ("eminescu", "poe", "woolf", "4,211", *(f'data-job="{child["_id"]}"' for child in children)):
        assert expected in text, expected


async def test_the_list_keeps_to_one_status_and_is_served_in_pages(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_personas(desk)
    text = (await client.get("/personas", params={"status": "active"})).text
    assert "woolf" in text and "poe" not in text
    for number in range(30):
        await desk.documents.insert(PERSONAS, persona_document(Persona(persona_id=f"p{number}")))
    first = (await client.get("/personas")).text
    assert first.count('class="card row"') == 25 and 'rel="next"' in first


async def test_a_persona_shows_what_failed_and_what_was_left_out(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_personas(desk)
    text = (await client.get("/persona/poe")).text
    for expected in (
        "has no column for the text",
        "3 places left out",
        "works/tales.pdf",
        "The page has no text, only a picture.",
        "The first 1.",
        'data-send="/api/personas/poe/ingest"',
    ):
        assert expected in text, expected
    assert (await client.get("/persona/nobody")).status_code == 404


async def test_a_persona_that_is_being_ingested_can_be_stopped_instead(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_personas(desk)
    text = (await client.get("/persona/eminescu")).text
    assert "/cancel" in text and "/ingest" not in text


async def test_a_search_shows_where_each_passage_stands() -> None:
    asked: list[PassageSearch] = []

    async def search(one: PassageSearch) -> list[SearchHit]:
        asked.append(one)
        return HITS

    desk = await open_desk(search_passages=search)
    await add_personas(desk)
    async with desk.client() as client:
        text = (await client.get("/persona/poe", params={"q": " the raven "})).text
        for expected in ("poems/the-raven", "The Raven › I", "0.912", "characters 0 to 103", "midnight dreary"):
            assert expected in text, expected
        await client.get("/persona/poe")
    assert [(one.persona_id, one.question) for one in asked] == [("poe", "the raven")]
    assert 'data-refresh="/persona/poe"' in text, "what is refreshed does not search again"


async def test_a_search_that_cannot_be_asked_says_why_beside_the_rest() -> None:
    async def search(one: PassageSearch) -> list[SearchHit]:
        raise ExternalServiceError("The vector store does not answer.", service="chroma")

    desk = await open_desk(search_passages=search)
    await add_personas(desk)
    async with desk.client() as client:
        answer = await client.get("/persona/poe", params={"q": "raven"})
    assert answer.status_code == 200
    assert "The vector store does not answer." in answer.text and "3 places left out" in answer.text


async def test_a_run_leads_to_its_persona(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_personas(desk)
    [child, *_] = await desk.documents.find(JOBS, {"pipeline": INGEST_COLLECTION})
    text = (await client.get(f"/run/{child['_id']}")).text
    assert 'href="/persona/eminescu"' in text
    assert "Project-Id-Version" not in text, "a step without a name has no translation"
