"""Personas over HTTP: what is accepted and refused, the view, and the search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.context import PassageSearch
from spine.contracts.personas import IngestRequest
from spine.contracts.retrieval import SearchHit
from spine.documents import JOBS
from spine.personas import PersonaDesk
from tests.gateway.gateway_desk import Desk, open_desk

HIT = SearchHit(
    id="1", text="Quoth the Raven", score=0.9, collection="works", work="raven", section="I", start=0, end=15
)


@pytest.fixture
def asked() -> list[PassageSearch]:
    return []


@pytest.fixture
async def desk(tmp_path: Path, asked: list[PassageSearch]) -> Desk:
    """A gateway whose folder of personas has one, `poe`, and a link that leads out."""
    personas = tmp_path / "personas"
    (personas / "poe" / "works").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (personas / "link").symlink_to(tmp_path / "outside")

    async def search(one: PassageSearch) -> list[SearchHit]:
        asked.append(one)
        return [HIT]

    return await open_desk(personas_dir=personas, search_passages=search)


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with desk.client() as caller:
        yield caller


async def test_an_ingestion_is_accepted_with_a_job_for_each_collection(desk: Desk, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/personas/poe/ingest", json={})
    assert answer.status_code == 202, answer.text
    started = answer.json()
    assert started["status"] == "PENDING" and set(started["jobs"]) == {"works", "quotes", "profile"}
    assert [job.job_id for job in desk.starter.started] == [started["job_id"]], "the parent runs its children"
    children = await desk.documents.find(JOBS, {"parent_job_id": started["job_id"]})
    assert {child["_id"] for child in children} == set(started["jobs"].values())
    view = (await client.get("/api/personas/poe")).json()
    assert (view["persona_id"], view["status"], view["job_id"]) == ("poe", "ingesting", started["job_id"])
    assert view["collections"]["works"]["job_id"] == started["jobs"]["works"] and view["total_vectors"] == 0


async def test_a_body_is_not_needed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/personas/poe/ingest")).status_code == 202


async def test_one_collection_from_another_folder(desk: Desk, client: httpx.AsyncClient) -> None:
    body = {"collections": ["quotes"], "source": "poe"}
    started = (await client.post("/api/personas/edgar/ingest", json=body)).json()
    assert set(started["jobs"]) == {"quotes"}
    assert desk.starter.started[0].params == {"persona_id": "edgar", "source": "poe", "collections": ["quotes"]}


async def test_a_second_one_is_refused_with_the_job_that_runs(client: httpx.AsyncClient) -> None:
    first = (await client.post("/api/personas/poe/ingest")).json()
    refused = await client.post("/api/personas/poe/ingest")
    assert refused.status_code == 409 and refused.json()["job_id"] == first["job_id"]
    assert first["job_id"] in refused.json()["detail"]


async def test_an_ingestion_whose_lanes_are_away_goes_on_later_and_refuses_a_second_one_at_once(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    first = (await client.post("/api/personas/poe/ingest")).json()
    for job_id in (first["job_id"], first["jobs"]["works"]):
        assert await desk.context.ledger.begin(job_id, "lane:killed") is not None
        await desk.documents.update(JOBS, {"_id": job_id}, set={"lease_until": "2020-01-01T00:00:00.000Z"})
    refused = await client.post("/api/personas/poe/ingest")
    assert refused.status_code == 409 and refused.json()["job_id"] == first["job_id"]
    swept = await desk.context.ledger.sweep()
    assert {job.job_id for job in swept.restart} >= {first["job_id"], first["jobs"]["works"]}, "nothing of it is lost"


async def test_the_same_key_gives_the_same_jobs(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "monday"}
    first = (await client.post("/api/personas/poe/ingest", headers=key)).json()
    assert (await client.post("/api/personas/poe/ingest", headers=key)).json() == first
    other = await client.post("/api/personas/poe/ingest", headers=key, json={"collections": ["works"]})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("poe", {"source": "../outside"}),
    ("poe", {"source": "/etc"}),
    ("poe", {"source": "link"}),
    ("poe", {"source": "poe/../../outside"}),
    ("poe", {"source": "."}),
    ("poe", {"source": "nowhere"}),
    ("nobody", {}),
    ("poe", {"collections": []}),
    ("poe", {"collections": ["poems"]}),
    ("poe", {"folder": "poe"}),
    ("p.o.e", {}),
]


@pytest.mark.parametrize(("persona_id", "body"), REFUSED, ids=str)
async def test_what_cannot_be_meant_is_refused_and_stores_nothing(
    desk: Desk, client: httpx.AsyncClient, persona_id: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"/api/personas/{persona_id}/ingest", json=body)
    assert answer.status_code == 422 and answer.json()["errors"], answer.text
    assert await desk.documents.count(JOBS, {}) == 0
    assert (await client.get("/api/personas")).json()["items"] == []


async def test_cancelling_an_ingestion_that_waits_ends_its_collections(client: httpx.AsyncClient) -> None:
    started = (await client.post("/api/personas/poe/ingest")).json()
    assert (await client.post(f"/api/jobs/{started['job_id']}/cancel")).status_code == 202
    view = (await client.get("/api/personas/poe")).json()
    assert view["status"] == "failed" and "cancelled" in view["collections"]["works"]["error"]
    child = (await client.get(f"/api/jobs/{started['jobs']['works']}")).json()
    assert child["status"] == "REVOKED"
    assert (await client.post("/api/personas/poe/ingest")).status_code == 202


async def test_a_persona_that_there_is_not_is_404(client: httpx.AsyncClient, asked: list[PassageSearch]) -> None:
    assert (await client.get("/api/personas/nobody")).status_code == 404
    assert (await client.get("/api/personas/nobody/search", params={"q": "raven"})).status_code == 404
    assert not asked


async def test_personas_are_listed_and_told_by_status(desk: Desk, client: httpx.AsyncClient) -> None:
    personas = PersonaDesk(desk.documents, desk.context.ledger)
    for name in ("poe", "eminescu"):
        await personas.accept(name, IngestRequest(collections=["works"]))
    listed = (await client.get("/api/personas")).json()
    assert listed["total"] == 2 and {one["persona_id"] for one in listed["items"]} == {"poe", "eminescu"}
    assert (await client.get("/api/personas", params={"status": "active"})).json()["items"] == []


async def test_a_search_gives_passages_with_their_places(client: httpx.AsyncClient, asked: list[PassageSearch]) -> None:
    await client.post("/api/personas/poe/ingest")
    found = (await client.get("/api/personas/poe/search", params={"q": "nevermore"})).json()
    assert found == {"items": [HIT.model_dump()], "total": 1, "next": None}
    assert asked == [PassageSearch("poe", "nevermore", ["works", "quotes", "profile"], 10, {})]


async def test_a_search_hands_on_its_filters(client: httpx.AsyncClient, asked: list[PassageSearch]) -> None:
    await client.post("/api/personas/poe/ingest")
    params = {"q": "x", "collection": ["quotes", "works"], "limit": 3, "language": "en", "trust": "attributed"}
    assert (await client.get("/api/personas/poe/search", params=params)).status_code == 200
    assert asked == [PassageSearch("poe", "x", ["quotes", "works"], 3, {"language": "en", "trust": "attributed"})]


@pytest.mark.parametrize(
    "params", [{}, {"q": ""}, {"q": "x", "limit": 0}, {"q": "x", "limit": 101}, {"q": "x", "collection": "poems"}]
)
async def test_a_search_that_cannot_be_meant_is_refused(client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    await client.post("/api/personas/poe/ingest")
    assert (await client.get("/api/personas/poe/search", params=params)).status_code == 422
