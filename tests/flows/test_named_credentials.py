"""A step that names a saved credential asks its model with that key at that address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from prefect.settings import PREFECT_API_TLS_INSECURE_SKIP_VERIFY, PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.credentials import BlockCredentials, saved_values
from blocks.language_model import LanguageModelCredentials
from blocks.saved_blocks import SavedValues
from spine.adapters.models import PydanticAiModels
from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import StageRecord
from spine.documents import PIPELINE_CONFIGS
from spine.testing.openai_server import OpenAiServer, text
from tasks.book_review.configuration import pipeline_document, resolved_steps
from tasks.book_review.template import TEMPLATE
from tests.flows.conftest import World
from tests.flows.test_book_review import MakeWorld

STEP = "context_generation"
BRIEF = '{"context": "Write about Nell and the clock."}'


@pytest.fixture
def servers() -> Iterator[tuple[OpenAiServer, OpenAiServer]]:
    """Two loopback servers that speak OpenAI's wire: the team's and everybody's."""
    with OpenAiServer([text(BRIEF)]) as team, OpenAiServer([text(BRIEF)]) as common:
        yield team, common


async def save(name: str, key: str, server: OpenAiServer) -> None:
    block = LanguageModelCredentials(provider="openai", api_key=SecretStr(key), base_url=server.base_url)
    await block.save(name, overwrite=True)  # type: ignore[misc]


@pytest.fixture
async def saved(
    servers: tuple[OpenAiServer, OpenAiServer], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BlockCredentials]:
    """Blocks in Prefect, as an operator saves them in its UI, seen as a lane sees them."""
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    team, common = servers
    await save("team-a", "key-of-team-a", team)
    await save("default", "key-of-everybody", common)
    async with BlockCredentials() as credentials:
        yield credentials
    for name in ("team-a", "default"):
        with suppress(ValueError):
            await LanguageModelCredentials.delete(f"{LanguageModelCredentials.get_block_type_slug()}/{name}")


async def world_with(make_world: MakeWorld, saved: BlockCredentials, **step: Any) -> World:
    """Everything is answered extractively but the one step, which is set as given."""
    world: World = await make_world()
    world.services.models = PydanticAiModels(saved.find)
    world.services.named_credentials = saved.named
    silent = {"provider": "extractive", "model_id": None}
    steps = [
        one.model_copy(update=step if one.id == STEP else silent if one.default_prompt_purpose else {})
        for one in TEMPLATE.steps
    ]
    await world.services.documents.upsert(
        PIPELINE_CONFIGS, pipeline_document(TEMPLATE.model_copy(update={"steps": steps}))
    )
    return world


async def record_of(world: World) -> StageRecord:
    submission, job = await world.review(goodreads_url=None, other_links=[])
    assert job.status is JobStatus.SUCCESS, job.error
    await world.services.models.close()
    return submission.stages[STEP]


def keys_at(server: OpenAiServer) -> list[str]:
    return [call.headers["authorization"] for call in server.calls]


@pytest.mark.parametrize("field", ["credential_id", "default_credential_name"])
async def test_the_key_and_the_address_of_the_named_credential_are_used(
    make_world: MakeWorld, saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer], field: str
) -> None:
    team, common = servers
    world = await world_with(make_world, saved, provider=None, model_id="gpt-x", **{field: "team-a"})
    record = await record_of(world)
    assert (record.provider, record.model, record.fallback_reason) == ("openai", "gpt-x", None)
    assert keys_at(team) == ["Bearer key-of-team-a"] and keys_at(common) == []


async def test_a_step_without_a_name_uses_the_default_credential(
    make_world: MakeWorld, saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer]
) -> None:
    team, common = servers
    await record_of(await world_with(make_world, saved, provider="openai", model_id="gpt-x"))
    assert (keys_at(team), keys_at(common)) == ([], ["Bearer key-of-everybody"])


async def test_a_credential_that_is_insisted_on_and_gone_is_not_replaced_by_anothers_key(
    make_world: MakeWorld, saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer]
) -> None:
    world = await world_with(make_world, saved, provider="openai", model_id="gpt-x", credential_id="team-z")
    record = await record_of(world)
    assert record.provider == "extractive" and "no saved credential 'team-z'" in str(record.fallback_reason)
    assert [server.count for server in servers] == [0, 0]


async def test_a_default_name_that_is_not_saved_leaves_the_choice_to_the_provider(
    make_world: MakeWorld, saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer]
) -> None:
    world = await world_with(make_world, saved, provider="openai", default_credential_name="team-z")
    assert (await record_of(world)).provider == "openai"
    assert keys_at(servers[1]) == ["Bearer key-of-everybody"]


async def test_a_rotated_key_is_used_without_a_restart(
    make_world: MakeWorld, saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer]
) -> None:
    team, _ = servers
    world = await world_with(make_world, saved, provider="openai", model_id="gpt-x", credential_id="team-a")
    await record_of(world)
    await save("team-a", "key-of-tomorrow", team)
    await saved.refresh()
    await record_of(world)
    assert keys_at(team) == ["Bearer key-of-team-a", "Bearer key-of-tomorrow"]


async def test_a_crowd_that_wants_the_newest_credentials_reads_them_once_and_then_waits_its_turn(
    saved: BlockCredentials, servers: tuple[OpenAiServer, OpenAiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[float] = []

    async def counted(slugs: Iterable[str]) -> SavedValues:
        readings.append(time.monotonic())
        return await saved_values(slugs)

    monkeypatch.setattr("blocks.credentials.saved_values", counted)
    await save("team-a", "key-of-tomorrow", servers[0])
    await asyncio.gather(*(saved.refresh() for _ in range(50)))
    credential = saved.find("openai", "team-a")
    assert credential is not None and credential.api_key.get_secret_value() == "key-of-tomorrow"
    await saved.refresh()
    assert len(readings) == 2 and readings[1] - readings[0] >= 0.99


async def test_the_resolved_pipeline_shows_the_credential_and_what_it_decides(
    make_world: MakeWorld, saved: BlockCredentials
) -> None:
    world = await world_with(make_world, saved, provider=None, credential_id="team-a")
    documents = world.services.documents
    stored = await documents.get(PIPELINE_CONFIGS, TEMPLATE.slug)
    assert stored is not None and "key-of-team-a" not in str(stored)
    pipeline = TEMPLATE.model_copy(
        update={"steps": [TEMPLATE.step(STEP).model_copy(update={"provider": None, "credential_id": "team-a"})]}
    )
    [step] = await resolved_steps(documents, pipeline, saved.named)
    assert (step.provider.value, step.provider.origin, step.credential) == ("openai", "credential", "team-a")


@pytest.mark.parametrize("unverified", [True, False], ids=["told to check none", "checked"])
async def test_reading_saved_blocks_again_reads_no_certificates(
    saved: BlockCredentials, monkeypatch: pytest.MonkeyPatch, unverified: bool
) -> None:
    with temporary_settings({PREFECT_API_TLS_INSECURE_SKIP_VERIFY: unverified}):
        await saved_values(["language-model-credentials"])
        with monkeypatch.context() as patched:
            patched.setattr("ssl.create_default_context", _read_again)
            assert await saved_values(["language-model-credentials"])


def _read_again(**options: Any) -> None:
    pytest.fail("certificates were read again")
