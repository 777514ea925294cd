"""Secrets that were set everywhere they can be set appear nowhere that anything is told, stored or logged."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import escape
from urllib.parse import quote

import pytest
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from pydantic import BaseModel, SecretStr
from redis.asyncio import Redis

from blocks.credentials import BlockCredentials
from blocks.language_model import LanguageModelCredentials
from blocks.stage_results import StageResults
from spine.adapters.docket_queue import DocketQueue, consume
from spine.adapters.models import PydanticAiModels
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.errors import MillraceError
from spine.ports import ModelChoice, ModelRequest
from spine.provider_keys import environment_credential
from spine.settings import settings
from spine.stage_overrides import checked_overrides
from spine.testing.loopback_site import LoopbackSite
from spine.testing.openai_server import Answer, Call, OpenAiServer, tool
from spine.testing.redis_server import RedisServer
from tests.conftest import until
from tests.flows.conftest import World
from tests.security.canaries import (
    CANARIES,
    ECHOES,
    blocks_of,
    claude_body,
    documents_of,
    files_below,
    found_in,
    gateway_of,
    key_of,
    prefect_of,
    redis_of,
)


@asynccontextmanager
async def results_in(redis_url: str) -> AsyncIterator[None]:
    """Stage results go to Redis inside the block, as in a stack."""
    await StageResults(connection_url=SecretStr(redis_url), key_ttl=600).save("canary-results", overwrite=True)
    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: "stage-results/canary-results"}):
        yield


async def run(world: World, job: Job, redis_url: str) -> Job:
    """Give the job to the queue and let a lane's consumer run it."""
    queue = DocketQueue(redis_url)

    async def deliver(job_id: str) -> None:
        await world.run(await world.services.ledger.get(job_id))

    async def ended() -> bool:
        return (await world.services.ledger.get(job.job_id)).status.is_final

    async with results_in(redis_url):
        lane = asyncio.create_task(consume(redis_url, job.queue, deliver, concurrency=1, name="lane:test"))
        await queue.start(job)
        await until(ended, within=60)
    lane.cancel()
    await asyncio.gather(lane, return_exceptions=True)
    await queue.close()
    return await world.services.ledger.get(job.job_id)


async def all_places(world: World, redis: Redis, logs: io.StringIO, submission_id: str, *jobs: Job) -> dict[str, str]:
    return {
        "logs": logs.getvalue(),
        "documents": await documents_of(world.services),
        "files of the home": files_below(settings().home),
        "Redis": await redis_of(redis),
        "Prefect": await prefect_of(jobs),
        "gateway": await gateway_of(world.services, submission_id, jobs),
    }


# -- the runs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", ECHOES, ids=lambda echo: echo.__name__.replace("_", " "))
async def test_a_server_that_repeats_the_key_puts_it_nowhere(
    world: World,
    saved: BlockCredentials,
    server: OpenAiServer,
    sites: LoopbackSite,
    redis: Redis,
    redis_server: RedisServer,
    echo: Callable[[Call], Answer],
    logs: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    server.script = echo
    submission, job = await world.submit()
    job = await run(world, job, redis_server.url)
    submission = await world.desk.get(submission.submission_id)
    assert job.status is JobStatus.SUCCESS and submission.status is SubmissionStatus.READY_FOR_REVIEW, job.error
    used = {key_of(call).removeprefix("Bearer ") for call in server.calls}
    assert CANARIES["BLOCK_OPENAI"] in used  # the saved block won over the environment, and was really sent
    assert CANARIES["OPENAI_API_KEY"] not in used
    if echo is not ECHOES[-1]:
        assert {CANARIES["BLOCK_GROQ"], CANARIES["MISTRAL_API_KEY"], CANARIES["ANTHROPIC_API_KEY"]} <= used
    assert sites.counts["/search"]
    places = await all_places(world, redis, logs, submission.submission_id, job)
    captured = capfd.readouterr()
    assert "The Tide Clock" in places["Redis"] and "The Tide Clock" in places["documents"]  # the right places
    assert found_in({**places, "standard output": captured.out + captured.err}) == []
    assert found_in({"memory": repr(saved) + repr(vars(saved)) + repr(world.services)}) == []


async def test_a_site_that_repeats_the_password_puts_it_nowhere(
    world: World,
    server: OpenAiServer,
    sites: LoopbackSite,
    redis: Redis,
    redis_server: RedisServer,
    logs: io.StringIO,
) -> None:
    submission, reviewed = await world.submit()
    reviewed = await run(world, reviewed, redis_server.url)
    await world.desk.approve(submission.submission_id)
    _, job = await world.desk.publish(submission.submission_id)
    ended = await run(world, job, redis_server.url)
    assert ended.status is JobStatus.FAILURE and ended.error is not None
    assert "[hidden]" in ended.error.message
    assert [request for request in sites.requests if "authorization" in request.headers and "wp-json" in request.path]
    assert found_in(await all_places(world, redis, logs, submission.submission_id, reviewed, ended)) == []


class Note(BaseModel):
    text: str
    more: list[str]
    by_name: dict[str, str]


@pytest.mark.parametrize("provider", ["openai", "groq", "mistral", "claude"])
async def test_no_provider_puts_the_key_into_an_answer(
    environment: None, server: OpenAiServer, provider: str, logs: io.StringIO
) -> None:
    def everywhere(call: Call) -> Answer:
        key = key_of(call)
        told = {"text": key, "more": [key, f"the key is {key}"], "by_name": {key: key}}
        return Answer(body=claude_body(call, told)) if provider == "claude" else tool(told, text=key)

    server.script = everywhere
    models = PydanticAiModels(environment_credential)
    question = ModelRequest(purpose="note", system="s", prompt="p", output_type=Note)
    reply = await models.answer(question, [ModelChoice(provider, "some-model", timeout_seconds=10)])
    await models.close()
    assert server.count == 1
    assert "[hidden]" in reply.output.text
    assert found_in({"reply": repr(reply), "logs": logs.getvalue()}) == []


async def test_a_saved_block_is_never_shown_again(saved: BlockCredentials) -> None:
    loaded = await LanguageModelCredentials.load("canary-openai")
    assert loaded.api_key.get_secret_value() == CANARIES["BLOCK_OPENAI"]
    shown = repr(loaded) + str(loaded) + str(loaded.model_dump()) + loaded.model_dump_json() + await blocks_of()
    assert "canary-openai" in shown and "canary-wordpress" in shown
    assert (
        found_in({"blocks": shown, "credentials": repr(saved.lookups) + repr(saved.site()) + repr(saved.search())})
        == []
    )


def test_a_canary_is_recognised_in_every_form() -> None:
    """The other tests see nothing; this one shows that they would."""
    for name, canary in CANARIES.items():
        login = b64encode(f"editor:{canary}".encode()).decode()
        for form in (canary, json.dumps(json.dumps(canary)), quote(canary, safe=""), escape(canary), login):
            assert found_in({"place": f"before {form} after"}) == [("place", name)]


def test_an_error_of_ours_repeats_no_refused_value() -> None:
    value = CANARIES["OPENAI_API_KEY"]
    with pytest.raises(MillraceError) as caught:
        checked_overrides("article_generation", {"provider": value, "model_id": [value], "temperature": value})
    assert found_in({"error": str(caught.value) + repr(caught.value.details)}) == []
