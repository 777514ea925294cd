"""Graphs over HTTP: lists, pictures, jobs, queues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spine.settings import Settings
from tasks.module_graph.shelf import DeclaredGraphs
from tests.gateway.gateway_desk import Desk, open_desk

QUESTION = {"username": "ana", "projeto": "loja", "pergunta": "Onde está o meu pedido?"}


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "modules").mkdir()
    trap = f"from pathlib import Path; Path({str(tmp_path / 'ran')!r}).touch()\n"
    (tmp_path / "modules" / "trap.py").write_text(trap + "class Trap(ModuleWorker): pass\n")
    (tmp_path / "graphs" / "plain.py").write_text(trap + "GRAPH_CONNECTIONS = {'trap': ['intent_validator'], "
                                                  "'intent_validator': []}\n")  # fmt: skip
    (tmp_path / "graphs" / "broken.yaml").write_text("modules: {a: [b], b: [a]}\n")
    return await open_desk(graphs=DeclaredGraphs(Settings(home=tmp_path)))


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with desk.client() as caller:
        yield caller


async def start(client: httpx.AsyncClient, name: str = "customer-question", **body: Any) -> httpx.Response:
    headers = body.pop("headers", {})
    return await client.post(f"/api/graphs/{name}/jobs", json={"input": QUESTION, **body}, headers=headers)


async def test_the_list_has_every_declared_graph_and_says_what_is_wrong_with_one(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/graphs")).json()

    by_name = {one["name"]: one for one in listed["items"]}
    assert (listed["total"], listed["next"]) == (3, None)
    assert by_name["customer-question"]["modules"] == ["intent_validator", "history_preferences"]
    assert "cycle" in by_name["broken"]["error"]


@pytest.mark.parametrize(
    ("form", "kind", "part"),
    [
        ("json", "application/json", '"nodes"'),
        ("mermaid", "text/vnd.mermaid", "m0 -->"),
        ("dot", "text/vnd.graphviz", '"trap" -> "intent_validator"'),
    ],
)
async def test_a_picture_is_drawn_without_running_any_code(
    client: httpx.AsyncClient, tmp_path: Path, form: str, kind: str, part: str
) -> None:
    answer = await client.get("/api/graphs/plain", params={"format": form})

    assert answer.headers["content-type"].startswith(kind)
    assert part in answer.text
    assert not (tmp_path / "ran").exists()


async def test_a_job_is_accepted_stored_and_handed_over(desk: Desk, client: httpx.AsyncClient) -> None:
    answer = await start(client)

    accepted = answer.json()
    assert (answer.status_code, accepted["status"], accepted["graph"]) == (202, "PENDING", "customer-question")
    assert [job.job_id for job in desk.starter.started] == [accepted["job_id"]]
    assert desk.starter.started[0].queue == "graphs"
    shown = (await client.get(f"/api/graphs/customer-question/jobs/{accepted['job_id']}")).json()
    assert {name: state["status"] for name, state in shown["modules"].items()} == {
        "intent_validator": "waiting",
        "history_preferences": "waiting",
    }
    assert shown["input"] == QUESTION


async def test_the_same_key_gives_the_same_job_and_other_input_is_refused(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "abc"}
    first, second = await start(client, headers=key), await start(client, headers=key)
    other = await start(client, headers=key, input={**QUESTION, "pergunta": "Outra?"})

    assert first.json()["job_id"] == second.json()["job_id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await start(client)).json()["job_id"] != (await start(client)).json()["job_id"]


@pytest.mark.parametrize(
    ("name", "body", "status", "told"),
    [
        pytest.param("no-such", {}, 404, "customer-question", id="unknown graph"),
        pytest.param("broken", {}, 422, "cycle", id="broken graph"),
        pytest.param("customer-question", {"input": {"username": "ana"}}, 422, "pergunta", id="input"),
        pytest.param("customer-question", {"start_module": "nowhere"}, 422, "history_preferences", id="start"),
        pytest.param("customer-question", {"inptu": {}}, 422, "inptu", id="unknown field"),
    ],
)
async def test_what_cannot_be_started_says_why_and_stores_nothing(
    desk: Desk, client: httpx.AsyncClient, name: str, body: dict[str, Any], status: int, told: str
) -> None:
    answer = await start(client, name, **body)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert told in answer.text
    assert await desk.documents.count("jobs") == await desk.documents.count("graph_jobs") == 0


async def test_a_job_of_another_graph_or_pipeline_is_not_found(desk: Desk, client: httpx.AsyncClient) -> None:
    job_id = (await start(client)).json()["job_id"]
    review = (await desk.submission())["job_id"]

    assert (await client.get(f"/api/graphs/plain/jobs/{job_id}")).status_code == 404
    assert (await client.get(f"/api/graphs/customer-question/jobs/{review}")).status_code == 404


async def test_the_queues_name_every_module_and_count_what_waits(client: httpx.AsyncClient) -> None:
    await start(client)
    found = {one["queue"]: one for one in (await client.get("/api/queues")).json()["items"]}

    assert found["queue:intent_validator"]["depth"] == 1
    assert found["queue:intent_validator"]["graphs"] == ["customer-question", "plain"]
    assert found["queue:history_preferences"]["depth"] == 0


async def test_strangers_see_no_graph(desk: Desk) -> None:
    async with desk.client(token=None) as stranger:
        for path in ("/api/graphs", "/api/graphs/plain", "/api/queues", "/api/graphs/plain/jobs/job_1"):
            assert (await stranger.get(path)).status_code == 401


async def test_a_declaration_that_cannot_be_read_concerns_no_other_graph(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "graphs" / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "graphs" / "folder.yaml").mkdir()
    listed = (await client.get("/api/graphs")).json()["items"]
    assert {one["name"] for one in listed if "cannot be read" in (one["error"] or "")} == {"gone", "folder"}
    assert (await start(client)).status_code == 202


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param('{"a": NaN}', "NaN is no number", id="NaN"),
        pytest.param('{"a": [-Infinity]}', "Infinity is no number", id="infinity"),
        pytest.param('{"a": {"b": 1e999}}', "`input.a.b` is inf", id="a number that is too large"),
        pytest.param(
            '{"a": 1%s}' % ("0" * 30), "`input.a` does not fit in 64 bits", id="a whole number beyond 64 bits"
        ),
        pytest.param(
            '{"a": -%s}' % ("9" * 4_301), "more than 4,300 digits; send it as text", id="one too long to be read"
        ),
        pytest.param('{"a": "%s"}' % ("9" * 5_000), None, id="a text of digits"),
        pytest.param('{"a": "NaN, \\"Infinity"}', None, id="a text that says so"),
    ],
)
async def test_numbers_that_cannot_be_kept_are_refused_by_name(
    client: httpx.AsyncClient, tmp_path: Path, given: str, told: str | None
) -> None:
    (tmp_path / "graphs" / "any.yaml").write_text("modules: {intent_validator: []}")
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/graphs/any/jobs", content=f'{{"input": {given}}}', headers=headers)
    assert answer.status_code == (422 if told else 202), answer.text
    assert told is None or told in answer.json()["detail"]


SCHEMA = """
modules: {intent_validator: []}
input:
  type: object
  $defs: {Name: {type: string}}
  properties: {to: {$ref: '#/$defs/Name'}, n: {multipleOf: 0.5}}
  patternProperties: {'^a.b$': {type: integer}}
"""


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ('{"to": "ana"}', 202),
        ('{"to": 5}', 422),
        ('{"n": 1e400}', 422),
        ('{"n": NaN}', 422),
        ('{"n": 1%s}' % ("0" * 400), 422),
    ],
)
async def test_a_schema_of_any_form_is_held_against_the_input(
    client: httpx.AsyncClient, tmp_path: Path, given: str, status: int
) -> None:
    (tmp_path / "graphs" / "formal.yaml").write_text(SCHEMA)
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/graphs/formal/jobs", content=f'{{"input": {given}}}', headers=headers)
    assert answer.status_code == status, answer.text
    if status == 202:
        stands = await client.get(f"/api/graphs/formal/jobs/{answer.json()['job_id']}")
        assert stands.status_code == 200, stands.text


PATTERNS = r"""
modules: {intent_validator: []}
input:
  $schema: https://json-schema.org/draft/2020-12/schema
  properties:
    email: {pattern: '^([a-z0-9]+\.?)+@x\.com$'}
    again: {$ref: '#'}
    keys: {patternProperties: {'^(a+)+$': {}}, additionalProperties: false}
    left: {patternProperties: {'^(a+)+$': {}}, unevaluatedProperties: false}
"""
LONG = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"email": LONG}, "email: ", id="pattern"),
        pytest.param({"again": {"email": LONG}}, "again.email: ", id="behind a reference to a schema that has $schema"),
        pytest.param({"keys": {LONG: 1}}, "keys: ", id="patternProperties and additionalProperties"),
        pytest.param({"left": {LONG: 1}}, "left: ", id="patternProperties and unevaluatedProperties"),
    ],
)
async def test_no_text_keeps_a_pattern_busy(
    client: httpx.AsyncClient, tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    """An engine that looks back would need longer than anybody waits; the test would not end."""
    (tmp_path / "graphs" / "strict.yaml").write_text(PATTERNS)
    assert (await start(client, "strict", input={"email": "ana.1@x.com"})).status_code == 202
    answer = await start(client, "strict", input=given)
    assert answer.status_code == 422 and told in answer.json()["detail"], answer.text


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        pytest.param({"a": 0}, {"a": False}, 422, id="0 and false"),
        pytest.param({"a": [{"b": True}]}, {"a": [{"b": 1}]}, 422, id="true and 1, inside"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, 422, id="a shorter list"),
        pytest.param({"a": None}, {}, 422, id="null and nothing"),
        pytest.param({"a": 1, "b": "x"}, {"b": "x", "a": 1.0}, 202, id="the same in another order"),
    ],
)
async def test_the_same_key_takes_only_the_same_json(
    client: httpx.AsyncClient, tmp_path: Path, first: dict[str, Any], second: dict[str, Any], status: int
) -> None:
    (tmp_path / "graphs" / "any.yaml").write_text("modules: {intent_validator: []}")
    headers = {"idempotency-key": "k"}
    assert (await start(client, "any", headers=headers, input=first)).status_code == 202
    assert (await start(client, "any", headers=headers, input=second)).status_code == status


async def test_the_same_key_with_another_sink_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k"}
    assert (await start(client, headers=headers)).status_code == 202
    assert (await start(client, sink="other", headers=headers)).status_code == 422
