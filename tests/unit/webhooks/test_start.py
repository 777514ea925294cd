"""What a webhook's job does: it starts the pipeline that the rule names, once per event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spine.cards import CardDesk
from spine.contracts.cards import Card
from spine.contracts.conversations import TaskName, WebhookEvent
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk
from spine.documents import JOBS, ensure_indexes
from spine.errors import ExternalServiceError, InvalidInputError, NotConfiguredError
from spine.services import Services
from spine.settings import Settings
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from tasks.webhooks.start import start_from_webhook

PAYLOAD = {"type": "x", "data": {"url": "https://shop.example/dp/1", "id": "poe", "n": 3, "who": "Ana", "text": "Hi"}}


@pytest.fixture
async def services() -> Services:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    return Services(Settings(), documents, MemoryProgressLog(), ScriptedModels(), MemoryPages(), None)


async def job_for(services: Services, pipeline: str, params: dict[str, Any], id: str = "msg_1") -> Job:
    event = WebhookEvent(
        source="shop", webhook_id=id, event="x", pipeline=pipeline, params=params, payload=json.dumps(PAYLOAD)
    )
    job, _ = await ConversationDesk(services.documents, services.ledger).receive_event(event)
    assert job.params["task"] == TaskName.HANDLE_WEBHOOK
    return job


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("book_review", {"amazon_url": "{{ data.url }}", "min_words": "{{ data.n }}00"}, "pipelines"),
    ("persona_ingestion", {"persona_id": "{{ data.id }}"}, "ingestion"),
    ("card_execution", {"card_id": "{{ data.id }}"}, "cards"),
    (
        "module_graph",
        {
            "graph": "customer-question",
            "input": {"username": "{{ data.who }}", "projeto": "shop", "pergunta": "{{ data.text }}"},
        },
        "graphs",
    ),
    ("conversation", {"session_id": "shop:{{ data.who }}", "user_message": "{{ data.text }}"}, "llm"),
]


@pytest.mark.parametrize(("pipeline", "params", "queue"), CASES, ids=[case[0] for case in CASES])
async def test_an_event_starts_its_pipeline_once_however_often_its_job_runs(
    services: Services, pipeline: str, params: dict[str, Any], queue: str
) -> None:
    await CardDesk(services.documents, services.ledger).load([Card(card_id="poe", title="Write a poem")])
    job = await job_for(services, pipeline, params)
    first, again = await start_from_webhook(services, job), await start_from_webhook(services, job)
    assert first == again and first["pipeline"] == pipeline
    started = await services.ledger.get(first["job_id"])
    assert (started.pipeline, started.queue) == (pipeline, queue)
    started_at_top = await services.documents.count(JOBS, {"parent_job_id": None})
    assert started_at_top == 2  # the webhook's own job, and the one that it started
    if pipeline in ("persona_ingestion", "card_execution"):  # one at a time for each subject
        return
    other = await start_from_webhook(services, await job_for(services, pipeline, params, "msg_2"))
    assert other["job_id"] != first["job_id"]


@pytest.mark.parametrize(
    ("pipeline", "params", "told"),
    [
        pytest.param("book_review", {"amazon_url": "{{ data.link }}"}, r"no data\.link", id="a value that is missing"),
        pytest.param("book_review", {"amazon_url": "{{ data.n }}"}, r"params\.amazon_url", id="no link"),
        pytest.param("book_review", {}, r"params\.amazon_url", id="nothing given"),
        pytest.param("card_execution", {"card_id": "{{ data.id }}", "rm": 1}, r"params\.rm", id="too much given"),
        pytest.param("persona_ingestion", {"persona_id": "../x"}, r"params\.persona_id", id="no id"),
        pytest.param(
            "conversation",
            {"session_id": "s", "user_message": "hi", "platform": "telegram"},
            "chat_id",
            id="a reply without an address",
        ),
    ],
)
async def test_parameters_that_do_not_fit_are_named(
    services: Services, pipeline: str, params: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInputError, match=told):
        await start_from_webhook(services, await job_for(services, pipeline, params))
    assert await services.documents.count(JOBS) == 1


async def test_a_pipeline_that_nobody_knows_is_named(services: Services) -> None:
    with pytest.raises(NotConfiguredError, match="nonsense"):
        await start_from_webhook(services, await job_for(services, "nonsense", {}))


async def test_a_queue_that_is_away_leaves_the_started_job_to_the_sweeper(services: Services) -> None:
    class Away:
        async def start(self, job: Job) -> None:
            raise ExternalServiceError("The queue did not take the job.", service="redis")

    services.starter = Away()
    started = await start_from_webhook(services, await job_for(services, *CASES[0][:2]))
    assert (await services.ledger.get(started["job_id"])).status == "PENDING"
