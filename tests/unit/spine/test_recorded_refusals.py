"""Refusals that providers really sent, replayed over the wire: recorded, waited for or not, and the next one asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from spine.adapters.models import PydanticAiModels
from spine.errors import MillraceError
from spine.ports import ModelChoice, ModelReply, ModelRequest
from spine.provider_keys import ProviderCredential
from spine.testing.openai_server import Answer, OpenAiServer, tool
from tests.unit.spine.test_model_errors import RECORDED, RECORDED_RULES

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded provider answers are not on this machine")

ASKED_TWICE = {
    "azure_429_context_length": "it asks to wait one second",
    "groq_400_tool_use_failed": "it is asked again without tools",
}
FAMILIES = {"anthropic": "claude", "mistral": "mistral"}


class City(BaseModel):
    city: str


def recorded(name: str) -> Answer:
    response = json.loads((RECORDED / f"{name}.json").read_text())["response"]
    headers = {key.lower(): value for key, value in response["headers"].items()}
    waits = {key: value for key, value in headers.items() if key in ("retry-after", "retry-after-ms")}
    flat = {key: value if isinstance(value, str) else value[0] for key, value in waits.items()}
    return Answer(status=response["status"]["code"], headers=flat, body=response["body"])


async def answered(failing: OpenAiServer, working: OpenAiServer, provider: str) -> ModelReply[City]:
    """The reply of a chain whose first link is served by `failing`."""
    addresses = {provider: failing.url if provider in FAMILIES.values() else failing.base_url, "groq": working.base_url}
    models = PydanticAiModels(lambda name, _: ProviderCredential(SecretStr("a-key-of-the-test"), addresses[name]))
    question = ModelRequest(purpose="city", system="Be brief.", prompt="Which city?", output_type=City)
    chain = [ModelChoice(name, "a-model", timeout_seconds=10) for name in (provider, "groq")]
    try:
        return await models.answer(question, chain)
    finally:
        await models.close()


@pytest.mark.parametrize(("name", "rule"), RECORDED_RULES.items(), ids=RECORDED_RULES)
async def test_a_refusal_is_recorded_and_the_next_provider_asked(
    name: str, rule: tuple[type[MillraceError], float | None]
) -> None:
    provider = FAMILIES.get(name.split("_")[0], "openai")
    with OpenAiServer([recorded(name)]) as failing, OpenAiServer([tool({"city": "Oslo"})]) as working:
        reply = await answered(failing, working, provider)
    failed, succeeded = reply.attempts
    assert (failed["provider"], failed["outcome"], failed["error_class"]) == (provider, "failed", rule[0].__name__)
    assert failed["message"].startswith(f"{provider}: ") and failed["seconds"] > 0
    assert (failed["input_tokens"], failed["cost_usd"]) == (0, 0)
    assert failing.count == (2 if name in ASKED_TWICE else 1), ASKED_TWICE.get(name)
    assert (succeeded["provider"], succeeded["outcome"], reply.output) == ("groq", "ok", City(city="Oslo"))
    assert reply.fallback_reason is not None
    assert reply.fallback_reason.startswith(f"{provider} failed ({rule[0].__name__}: ")


def test_every_recorded_file_is_replayed() -> None:
    sent: list[Path] = sorted(RECORDED.glob("*.json"))
    refusals: dict[str, Any] = {
        path.stem: status
        for path in sent
        if (status := json.loads(path.read_text())["response"]["status"]["code"]) >= 400
    }
    assert set(refusals) == set(RECORDED_RULES)
