"""Prompts and pipelines have a history: versions are compared and activated, revisions are read and restored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from spine.contracts.pipelines import Prompt, StepConfig, StepType
from spine.documents import MAX_PAGE, PIPELINE_CONFIGS, PROMPTS
from spine.pipeline_shelf import pipeline_document
from spine.prompts import prompt_document
from tests.gateway.gateway_desk import TEMPLATE, Desk, open_desk

Edit = Callable[[dict[str, Any]], None]


async def add(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/prompts", json={"purpose": "article", "template": "one", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def active(client: httpx.AsyncClient) -> list[int]:
    listed = (await client.get("/prompts", params={"purpose": "article", "active": "true"})).json()
    return [item["version"] for item in listed["items"]]


# -- prompts -------------------------------------------------------------------------------------------------------


async def test_an_older_version_of_a_prompt_is_put_back_into_use(client: httpx.AsyncClient) -> None:
    prompt_id = (await add(client))["prompt_id"]
    await add(client, template="two")
    answer = await client.post(f"/prompts/{prompt_id}/activate", json={"version": 1})
    assert (answer.status_code, answer.json()["version"], answer.json()["active"]) == (200, 1, True)
    assert await active(client) == [1]
    history = (await client.get("/prompts", params={"purpose": "article"})).json()
    assert [(item["version"], item["active"]) for item in history["items"]] == [(2, False), (1, True)]


async def test_of_activations_that_come_at_once_each_succeeds_and_one_counts(client: httpx.AsyncClient) -> None:
    prompts = [await add(client, template=str(number)) for number in range(4)]
    path = f"/prompts/{prompts[0]['prompt_id']}/activate"
    answers = await asyncio.gather(*(client.post(path, json={"version": 1 + n % 4}) for n in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await active(client)) == 1


async def test_two_versions_of_a_prompt_are_compared(client: httpx.AsyncClient) -> None:
    prompt_id = (await add(client, template="Write.\nBe kind.", temperature=0.2))["prompt_id"]
    await add(client, template="Write.\nBe fair.", temperature=0.5)
    compared = (await client.get(f"/prompts/{prompt_id}/diff", params={"from": 1, "to": 2})).json()
    assert compared["settings"] == {"temperature": {"before": 0.2, "after": 0.5}}
    assert "-Be kind.\n+Be fair." in compared["template"]["unified"] and compared["system"]["unified"] == ""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/prompts/nobody/activate", {"version": 1}, id="unknown prompt"),
        pytest.param("/prompts/article/activate", {"version": 9}, id="unknown version"),
    ],
)
async def test_what_is_not_there_is_not_activated(client: httpx.AsyncClient, path: str, body: dict[str, int]) -> None:
    await add(client)
    assert (await client.post(path, json=body)).status_code == 404


@pytest.mark.parametrize(
    ("named", "field", "told"),
    [
        pytest.param({"provider": "acme"}, "provider", "groq, openai", id="a provider that there is not"),
        pytest.param({"model_id": "  "}, "model_id", "the name of a model", id="a blank model"),
        pytest.param({"model_id": "m" * 201}, "model_id", "1 to 200 characters", id="a model with an endless name"),
    ],
)
async def test_a_prompt_names_a_model_that_can_be(
    client: httpx.AsyncClient, named: dict[str, str], field: str, told: str
) -> None:
    answer = await client.post("/prompts", json={"purpose": "article", "template": "x", **named})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == field and told in error["message"]


async def test_a_provider_and_a_model_that_are_emptied_are_none(client: httpx.AsyncClient) -> None:
    await add(client, provider="groq", model_id="m")
    emptied = await add(client, provider="", model_id="")
    assert (emptied["provider"], emptied["model_id"]) == (None, None)


# -- edits of pipelines --------------------------------------------------------------------------------------------


CREDENTIALS = {"team-a": "groq", "team-b": "openai"}


async def editing_desk() -> Desk:
    """The template with a purpose and a prompt for its article step, and two saved credentials."""

    async def saved() -> dict[str, str | None]:
        return dict(CREDENTIALS)

    desk = await open_desk(saved_credentials=saved)
    steps = [
        step.model_copy(update={"default_prompt_purpose": "article"}) if step.id == "article_generation" else step
        for step in TEMPLATE.steps
    ]
    steps[0] = StepConfig(id="amazon_scrape", type=StepType.SCRAPING)
    await desk.documents.upsert(PIPELINE_CONFIGS, pipeline_document(TEMPLATE.model_copy(update={"steps": steps})))
    for prompt_id, purpose in (("writer", "article"), ("brief", "context")):
        prompt = Prompt(prompt_id=prompt_id, purpose=purpose, template="x")
        await desk.documents.insert(PROMPTS, prompt_document(prompt))
    return desk


def article_step(**changes: Any) -> Edit:
    return lambda config: config["steps"][6].update(changes)


def first_step(**changes: Any) -> Edit:
    return lambda config: config["steps"][0].update(changes)


@pytest.mark.parametrize(
    ("edit", "field", "says"),
    [
        pytest.param(article_step(provider="acme"), "steps.6.provider", "groq, openai, mistral", id="provider"),
        pytest.param(article_step(model_id=""), "steps.6.model_id", "1 to 200", id="model"),
        pytest.param(article_step(temperature=3), "steps.6.temperature", "less than or equal to 2", id="temperature"),
        pytest.param(article_step(delay_seconds=-1), "steps.6.delay_seconds", "greater than or equal", id="delay"),
        pytest.param(article_step(prompt_id="no-such"), "steps.6.prompt_id", "article: writer, writer:1", id="prompt"),
        pytest.param(article_step(prompt_id="brief"), "steps.6.prompt_id", "writer", id="prompt of another purpose"),
        pytest.param(article_step(enabled=False), "steps.6.enabled", "only an optional step", id="switched off"),
        pytest.param(
            article_step(default_prompt_purpose="context"), "steps.6.default_prompt_purpose", "the code", id="purpose"
        ),
        pytest.param(article_step(credential_id="team-c"), "steps.6.credential_id", "groq: team-a", id="credential"),
        pytest.param(article_step(credential_id="team-b"), "steps.6.credential_id", "team-a", id="of another provider"),
        pytest.param(article_step(credential_id="sk-A_key!"), "steps.6.credential_id", "never a key", id="a key"),
        pytest.param(first_step(provider="groq"), "steps.0.provider", "asks no model", id="model where none is asked"),
        pytest.param(first_step(prompt_id="writer"), "steps.0.prompt_id", "asks no model", id="prompt for no model"),
    ],
)
async def test_an_unsound_edit_names_the_field_and_what_may_stand_there(edit: Edit, field: str, says: str) -> None:
    desk = await editing_desk()
    async with desk.client() as client:
        config = (await client.get("/pipelines/book-review")).json()
        edit(config)
        answer = await client.put("/pipelines/book-review", json=config)
        assert answer.status_code == 422
        errors = {error["field"]: error["message"] for error in answer.json()["errors"]}
        assert says in errors[field]
        assert "sk-A_key!" not in answer.text
        assert (await client.get("/pipelines/book-review")).json()["revision"] == 1


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(article_step(provider="mistral", model_id="m", temperature=0, delay_seconds=3), id="model"),
        pytest.param(article_step(prompt_id="writer"), id="prompt"),
        pytest.param(article_step(prompt_id="writer:1"), id="one version of a prompt"),
        pytest.param(article_step(credential_id="team-a"), id="credential"),
        pytest.param(article_step(provider=None, default_credential_name="team-b"), id="credential with its provider"),
    ],
)
async def test_a_sound_edit_is_stored(edit: Edit) -> None:
    desk = await editing_desk()
    async with desk.client() as client:
        config = (await client.get("/pipelines/book-review")).json()
        edit(config)
        answer = await client.put("/pipelines/book-review", json=config)
        assert answer.status_code == 200, answer.text
        assert answer.json()["steps"][6] == config["steps"][6]


async def test_where_saved_credentials_cannot_be_seen_a_name_is_trusted(client: httpx.AsyncClient) -> None:
    config = (await client.get("/pipelines/book-review")).json()
    config["steps"][6]["credential_id"] = "somewhere-saved"
    assert (await client.put("/pipelines/book-review", json=config)).status_code == 200


async def test_every_value_of_a_step_is_shown_with_its_origin(client: httpx.AsyncClient) -> None:
    config = (await client.get("/pipelines/book-review")).json()
    config["steps"][6] |= {"delay_seconds": 2.5, "temperature": 0.1}
    await client.put("/pipelines/book-review", json=config)
    shown = (await client.get("/pipelines/book-review", params={"resolve": "true"})).json()["steps"][6]
    valued = {name: part for name, part in shown.items() if isinstance(part, dict)}
    assert {name: part["origin"] for name, part in valued.items()} == {
        "provider": "step",
        "model_id": "default",
        "temperature": "step",
        "max_tokens": "default",
        "timeout_seconds": "default",
        "prompt_id": "default",
        "prompt_version": "default",
        "credential": "default",
        "enabled": "default",
        "delay_seconds": "step",
    }
    assert set(shown) - set(valued) == {"id", "type", "name", "optional", "default_prompt_purpose"}


# -- revisions of pipelines ----------------------------------------------------------------------------------------


async def edited(client: httpx.AsyncClient, *temperatures: float) -> None:
    for temperature in temperatures:
        config = (await client.get("/pipelines/book-review")).json()
        config["steps"][6]["temperature"] = temperature
        assert (await client.put("/pipelines/book-review", json=config)).status_code == 200


async def test_earlier_revisions_of_a_pipeline_stay_readable(client: httpx.AsyncClient) -> None:
    await edited(client, 0.1, 0.2, 0.3)
    listed = (await client.get("/pipelines/book-review/revisions", params={"limit": 2})).json()
    rest = (await client.get("/pipelines/book-review/revisions", params={"cursor": listed["next"]})).json()
    assert [item["revision"] for item in listed["items"] + rest["items"]] == [4, 3, 2, 1] and listed["total"] == 4
    second = (await client.get("/pipelines/book-review", params={"revision": 2})).json()
    assert (second["revision"], second["steps"][6]["temperature"]) == (2, 0.1)
    assert (await client.get("/pipelines/book-review", params={"revision": 9})).status_code == 404


async def test_an_earlier_revision_is_restored_as_the_newest(client: httpx.AsyncClient) -> None:
    await edited(client, 0.1, 0.2)
    restored = await client.post("/pipelines/book-review/restore", json={"revision": 2})
    assert (restored.json()["revision"], restored.json()["steps"][6]["temperature"]) == (4, 0.1)
    assert restored.headers["etag"] == '"4"'
    assert (await client.get("/pipelines/book-review", params={"revision": 3})).json()["steps"][6]["temperature"] == 0.2


async def test_of_two_edits_of_the_same_revision_one_is_refused_and_none_is_lost(client: httpx.AsyncClient) -> None:
    config = (await client.get("/pipelines/book-review")).json()
    bodies = [{**config, "name": f"Edit {number}"} for number in range(5)]
    answers = await asyncio.gather(*(client.put("/pipelines/book-review", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert (await client.get("/pipelines/book-review", params={"revision": 1})).json()["name"] == config["name"]


async def test_the_oldest_of_more_versions_than_a_page_holds_can_be_named_and_shown() -> None:
    desk = await open_desk()
    steps = [step.model_copy(update={"default_prompt_purpose": "article"}) for step in TEMPLATE.steps]
    template = TEMPLATE.model_copy(update={"steps": steps})
    await desk.documents.upsert(PIPELINE_CONFIGS, pipeline_document(template))
    for version in range(1, MAX_PAGE + 3):
        one = Prompt(prompt_id="article", purpose="article", template=f"text {version}", version=version)
        await desk.documents.insert(PROMPTS, prompt_document(one))
    async with desk.client() as client:
        config = (await client.get("/pipelines/book-review")).json()
        config["steps"][6]["prompt_id"] = "article:1"
        saved = await client.put("/pipelines/book-review", json=config)
        shown = await client.get("/configuration/prompts/article", params={"version": 1})
    assert (saved.status_code, shown.status_code) == (200, 200), saved.text
    assert "text 1<" in shown.text and "text 502<" not in shown.text
