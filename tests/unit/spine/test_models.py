"""How models are asked: over the real wire formats, against a loopback server that answers as scripted."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from spine.adapters.model_prices import price_usd
from spine.adapters.model_wire import groq_address
from spine.adapters.models import PydanticAiModels
from spine.budget import Budget, Purse, paying_from, worst_case
from spine.errors import (
    BudgetExceededError,
    InvalidInputError,
    InvalidModelOutputError,
    MillraceError,
    ModelsUnavailableError,
    NotConfiguredError,
)
from spine.model_chain import texts_of
from spine.ports import ModelChoice, ModelReply, ModelRequest, Models
from spine.provider_keys import ProviderCredential, environment_credential
from spine.testing.openai_server import (
    Answer,
    Call,
    OpenAiServer,
    Script,
    failure,
    hang,
    text,
    tool,
    truncated,
)

PROJECT_ROOT = Path(__file__).resolve().parents[3]
RECORDED = PROJECT_ROOT.parent / "shared" / "data" / "llm"

KEY = "sk-canary-0123456789abcdef"
MODEL_OF = {
    "openai": "gpt-4",
    "groq": "llama-3.3-70b-versatile",
    "mistral": "mistral-large-latest",
    "claude": "claude-sonnet-4-6",
    "openai-compatible": "local-7b",
    "extractive": "extractive",
}


class City(BaseModel):
    city: str
    country: str


OSLO = City(city="Oslo", country="Norway")
FIELDS = OSLO.model_dump()


def question(**more: Any) -> ModelRequest[City]:
    settings: dict[str, Any] = {"purpose": "city", "system": "Be brief.", "prompt": "Which city?", **more}
    return ModelRequest(output_type=City, **settings)


def choice(provider: str, **more: Any) -> ModelChoice:
    return ModelChoice(provider, MODEL_OF.get(provider, "some-model"), **{"timeout_seconds": 10.0, **more})


Serve = Callable[[Script], OpenAiServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[OpenAiServer] = []

    def start(script: Script) -> OpenAiServer:
        started.append(OpenAiServer(script).start())
        return started[-1]

    yield start
    for server in started:
        server.close()


class Keyring:
    """Credentials that a test hands out, by provider."""

    def __init__(self) -> None:
        self.by_provider: dict[str, ProviderCredential] = {}

    def __call__(self, provider: str, name: str | None) -> ProviderCredential | None:
        return self.by_provider.get(name or provider)

    def give(self, provider: str, base_url: str | None, key: str = KEY) -> None:
        self.by_provider[provider] = ProviderCredential(SecretStr(key), base_url)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
async def models(keyring: Keyring) -> AsyncIterator[PydanticAiModels]:
    models = PydanticAiModels(keyring, longest_wait=2.0)
    yield models
    await models.close()


async def outcome(models: Models, request: ModelRequest[City], *chain: ModelChoice) -> list[dict[str, Any]]:
    """The attempts of a chain that is known to fail."""
    with pytest.raises((ModelsUnavailableError, InvalidModelOutputError)) as caught:
        await models.answer(request, chain)
    return caught.value.attempts


# ── the wire ──────────────────────────────────────────────────────────────────────────────────────────────────


def as_anthropic(answer: dict[str, Any]) -> Answer:
    used = {"input_tokens": 100, "output_tokens": 20}
    called = {"type": "tool_use", "id": "toolu_1", "name": "final_result", "input": answer}
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL_OF["claude"], "content": [called]}
    return Answer(body={**body, "stop_reason": "tool_use", "stop_sequence": None, "usage": used})


WIRES: dict[str, tuple[str, Answer]] = {
    "openai": ("/v1/chat/completions", tool(FIELDS)),
    "groq": ("/openai/v1/chat/completions", tool(FIELDS)),
    "mistral": ("/v1/chat/completions", tool(FIELDS)),
    "claude": ("/v1/messages", as_anthropic(FIELDS)),
    "openai-compatible": ("/v1/chat/completions", tool(FIELDS)),
}


@pytest.mark.parametrize(("provider", "path", "answer"), [(name, *rest) for name, rest in WIRES.items()], ids=WIRES)
async def test_each_provider_is_asked_at_its_own_path_with_the_choices_settings(
    provider: str, path: str, answer: Answer, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([answer])
    keyring.give(provider, server.url if provider in ("groq", "claude", "mistral") else server.base_url)
    reply = await models.answer(question(), [choice(provider, temperature=0.3, max_tokens=321)])
    (call,) = server.calls
    assert reply.output == OSLO
    assert call.path.split("?")[0] == path
    assert KEY in call.headers.get("authorization", "") + call.headers.get("x-api-key", "")
    assert (call.model, call.body["temperature"], call.body["max_tokens"]) == (MODEL_OF[provider], 0.3, 321)
    assert call.body["tools"]


@pytest.mark.parametrize("provider", ["mistral", "claude"])
async def test_a_base_url_with_the_version_in_it_is_understood(
    provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    path, answer = WIRES[provider]
    server = serve([answer])
    keyring.give(provider, server.base_url + "/")
    assert (await models.answer(question(), [choice(provider)])).output == OSLO
    assert server.calls[0].path.split("?")[0] == path


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "https://api.groq.com/openai/v1"),
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
    ],
)
def test_groq_is_found_by_its_sdks_address_and_by_an_openai_address(given: str | None, used: str) -> None:
    assert groq_address(given) == used


@pytest.mark.parametrize(
    ("provider", "asked", "sent"), [("claude", 1.7, 1.0), ("mistral", 1.7, 1.5), ("openai", 1.7, 1.7)]
)
async def test_a_temperature_above_what_a_provider_takes_is_lowered(
    provider: str, asked: float, sent: float, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([WIRES[provider][1]])
    keyring.give(provider, server.base_url)
    await models.answer(question(), [choice(provider, temperature=asked)])
    assert server.calls[0].body["temperature"] == sent


async def test_the_schema_stands_in_the_prompt_too_for_servers_that_ignore_tools(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve(lambda call: text(json.dumps(FIELDS)))
    keyring.give("openai", server.base_url)
    reply = await models.answer(question(), [choice("openai")])
    assert reply.output == OSLO
    assert server.calls[0].prompt == "Which city?"
    assert server.calls[0].system.startswith("Be brief.\n\n")
    assert '"country"' in server.calls[0].system


async def test_a_server_that_refuses_tools_is_asked_without_them(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    def script(call: Call) -> Answer:
        return (
            failure(400, "this model does not support tools") if call.tool else text(f"Here: {OSLO.model_dump_json()}")
        )

    server = serve(script)
    keyring.give("openai-compatible", server.base_url)
    reply = await models.answer(question(), [choice("openai-compatible")])
    assert (reply.output, reply.usage.calls, server.count) == (OSLO, 2, 2)


async def test_any_name_with_an_address_is_an_openai_compatible_provider(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give("my-gateway", serve([tool(FIELDS)]).base_url)
    assert (await models.answer(question(), [choice("my-gateway")])).provider == "my-gateway"


def saying(message: object, **choice: object) -> dict[str, Any]:
    return {"choices": [{"message": message, **choice}]}


CALLED = {"name": "final_result", "arguments": json.dumps(FIELDS)}

SMALL_SERVERS: dict[str, dict[str, Any]] = {
    "only a message": saying({"content": json.dumps(FIELDS)}),
    "content that is an object": saying({"content": FIELDS}),
    "content in parts": saying({"content": [{"type": "text", "text": json.dumps(FIELDS)}]}),
    "a finish reason of its own": saying({"content": json.dumps(FIELDS)}, finish_reason="eos_token", index=None),
    "a call without id and type": saying({"tool_calls": [{"function": CALLED}]}),
    "arguments that are an object": saying({"tool_calls": [{"function": {**CALLED, "arguments": FIELDS}}]}),
    "a function call from before tools": saying({"content": None, "function_call": CALLED}),
    "a completion from before chats": {"choices": [{"text": json.dumps(FIELDS)}]},
    "half the token counts": {**saying({"content": json.dumps(FIELDS)}), "usage": {"total_tokens": 3}, "created": 1.5},
}


@pytest.mark.parametrize("provider", ["openai", "mistral"])
@pytest.mark.parametrize("body", SMALL_SERVERS.values(), ids=SMALL_SERVERS)
async def test_a_small_server_that_leaves_fields_out_is_understood(
    body: dict[str, Any], provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give(provider, serve([Answer(body=body, content_type="text/plain")]).base_url)
    reply = await models.answer(question(), [choice(provider)])
    assert (reply.output, reply.usage.cost_usd) == (OSLO, None)


USAGES: dict[str, str] = {
    "beyond 64 bits": f'{{"prompt_tokens": {2**70}, "completion_tokens": 20}}',
    "infinite": '{"prompt_tokens": 1e999, "completion_tokens": 20}',
    "no number": '{"prompt_tokens": NaN, "completion_tokens": 20}',
    "negative": '{"prompt_tokens": -7, "completion_tokens": 20}',
    "impossible in its details": '{"completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 1e999}}',
}


@pytest.mark.parametrize("provider", ["openai", "mistral"])
@pytest.mark.parametrize("usage", USAGES.values(), ids=USAGES)
async def test_a_count_of_tokens_that_cannot_be_is_left_out_and_the_answer_kept(
    usage: str, provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    said = json.dumps(saying({"content": json.dumps(FIELDS)}))
    keyring.give(provider, serve([Answer(body=f'{said[:-1]}, "usage": {usage}, "created": 1e300}}')]).base_url)
    reply = await models.answer(question(), [choice(provider)])
    assert (reply.output, reply.usage.input_tokens, reply.usage.output_tokens) == (OSLO, 0, 20)


async def test_an_impossible_count_of_a_provider_of_another_wire_is_left_out_too(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    body = {**as_anthropic(FIELDS).body, "usage": {"input_tokens": 2**70, "output_tokens": 20}}
    keyring.give("claude", serve([Answer(body=body)]).base_url)
    reply = await models.answer(question(), [choice("claude")])
    assert (reply.output, reply.usage.input_tokens, reply.usage.output_tokens) == (OSLO, 0, 20)


async def test_a_name_without_an_address_is_no_provider(keyring: Keyring, models: PydanticAiModels) -> None:
    keyring.give("opanai", None)
    (attempt,) = await outcome(models, question(), choice("opanai"))
    assert attempt["error_class"] == "NotConfiguredError"
    assert "'opanai' is no provider; known are groq, openai" in attempt["message"]


# ── re-asking ─────────────────────────────────────────────────────────────────────────────────────────────────

NONSENSE = {
    "prose": (text("I could not say."), "holds no JSON object"),
    "JSON that was cut off": (text('{"city": "Os'), "incomplete"),
    "a call that was cut off": (tool('{"city": "Os'), "the answer is empty"),
    "a field that is missing": (tool({"city": "Oslo"}), "country: Field required"),
    "nothing": (text(""), "the answer is empty"),
    "an answer over the length": (text('{"city": "Os', finish_reason="length"), "cut off after 2500 tokens"),
    "a call to another tool": (tool({}, name="get_user_country"), "the answer is empty"),
}


@pytest.mark.parametrize("provider", ["openai", "mistral"])
@pytest.mark.parametrize(("answer", "problem"), NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_asked_again_with_what_was_wrong(
    answer: Answer, problem: str, provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([answer, tool(FIELDS)])
    keyring.give(provider, server.base_url)
    reply = await models.answer(question(), [choice(provider)])
    assert reply.output == OSLO
    assert reply.attempts[0]["reasks"] == 1
    assert problem in server.calls[1].prompt
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.calls) == (200, 40, 2)


async def test_an_answer_far_beyond_its_max_tokens_is_paid_for_and_left_to_the_next_provider(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    endless = serve([tool({**FIELDS, "country": "Norway " * 20_000})])
    keyring.give("openai", endless.base_url)
    keyring.give("groq", serve([tool(FIELDS)]).base_url)
    reply = await models.answer(question(), [choice("openai"), choice("groq")])
    failed, _ = reply.attempts
    assert (endless.count, reply.output, reply.usage.calls) == (1, OSLO, 2)
    assert (failed["error_class"], failed["output_tokens"]) == ("InvalidModelOutputError", 20)
    assert failed["message"].endswith("characters is no answer of 2,500 tokens")


async def test_an_answer_that_stays_nonsense_counts_as_the_providers_failure(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([text("no idea")])
    keyring.give("openai", server.base_url)
    (attempt,) = await outcome(models, question(max_reasks=2), choice("openai"))
    assert server.count == 3
    assert attempt["error_class"] == "InvalidModelOutputError"
    assert (attempt["reasks"], attempt["input_tokens"], attempt["output_tokens"]) == (2, 300, 60)


async def test_what_the_requests_own_check_refuses_is_asked_again(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([tool({"city": "Bergen", "country": "Norway"}), tool(FIELDS)])
    keyring.give("groq", server.url)
    request = question(check=lambda city: None if city.city == "Oslo" else "Bergen is not the capital")
    assert (await models.answer(request, [choice("groq")])).output == OSLO
    assert "Bergen is not the capital" in server.calls[1].prompt


async def test_a_reask_carries_only_the_last_answer_so_that_prompts_stay_short(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([text("first nonsense"), text("second nonsense"), tool(FIELDS)])
    keyring.give("openai", server.base_url)
    await models.answer(question(), [choice("openai")])
    said = json.dumps(server.calls[2].body["messages"])
    assert "second nonsense" in said
    assert "first nonsense" not in said


class Draft(BaseModel):
    title: str
    content: str

    @classmethod
    def from_text(cls, text: str) -> Draft | None:
        first, _, rest = text.partition("\n")
        return cls(title=first.lstrip("# "), content=rest.strip()) if first.startswith("# ") else None


async def test_plain_markdown_is_an_article_but_not_when_it_was_cut_off(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([text("# Emma\n\nA nov", finish_reason="length"), text("# Emma\n\nA novel.")])
    keyring.give("openai", server.base_url)
    request = ModelRequest(purpose="article", system="", prompt="Write.", output_type=Draft)
    reply = await models.answer(request, [choice("openai")])
    assert (reply.output.title, reply.output.content) == ("Emma", "A novel.")
    assert server.count == 2


async def test_a_fault_of_the_callers_own_check_is_not_taken_for_the_models(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    def broken(city: City) -> str | None:
        raise InvalidInputError("the outline has no sections")

    keyring.give("openai", serve([tool(FIELDS)]).base_url)
    with pytest.raises(InvalidInputError, match="no sections"):
        await models.answer(question(check=broken), [choice("openai")])


# ── failing, waiting, falling back ────────────────────────────────────────────────────────────────────────────


async def test_a_short_retry_after_is_waited_out_and_the_same_provider_asked_again(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([failure(429, retry_after=0.3), tool(FIELDS)])
    keyring.give("openai", server.base_url)
    started = time.monotonic()
    reply = await models.answer(question(), [choice("openai")])
    assert time.monotonic() - started >= 0.3
    assert (server.count, len(reply.attempts), reply.usage.calls) == (2, 1, 2)


# script, calls, error that is recorded
NO_SECOND_CALL: dict[str, tuple[list[Answer], int, str]] = {
    "a long Retry-After": ([failure(429, retry_after=3)], 1, "RateLimitError"),
    "no Retry-After": ([failure(429)], 1, "RateLimitError"),
    "a second rate limit": ([failure(429, retry_after=0)], 2, "RateLimitError"),
    "an exhausted quota": ([failure(429, code="insufficient_quota", retry_after=0)], 1, "AuthenticationError"),
    "a refused key": ([failure(401)], 1, "AuthenticationError"),
    "a server fault": ([failure(500)], 1, "ExternalServiceError"),
    "an unknown model": ([failure(404, code="model_not_found")], 1, "NotConfiguredError"),
    "a prompt that is too long": ([failure(400, code="context_length_exceeded")], 1, "ContextLengthError"),
    "a filtered answer": ([text("", finish_reason="content_filter")], 1, "ContentFilteredError"),
    "a response that breaks off": ([truncated()], 1, "ExternalServiceError"),
    "a page instead of JSON": (
        [Answer(body="<html>hello</html>", content_type="text/html")],
        1,
        "ExternalServiceError",
    ),
    "half a JSON document": ([Answer(body='{"choices": [')], 1, "ExternalServiceError"),
    "an error inside a 200": ([Answer(body={"error": {"message": "no", "code": 429}})], 1, "RateLimitError"),
    "an error inside a 200 without a code": ([Answer(body={"error": "no"})], 1, "ExternalServiceError"),
    "no choices": ([Answer(body={"choices": []})], 1, "ExternalServiceError"),
}


PACKED_BLANKS = gzip.compress(b" " * 50_000_000)
AS_GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("provider", ["openai", "mistral", "claude"])
async def test_an_endless_answer_is_unpacked_only_up_to_a_bound_and_the_next_provider_asked(
    provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give(provider, serve([Answer(body=PACKED_BLANKS, headers=AS_GZIP)]).base_url)
    keyring.give("groq", serve([tool(FIELDS)]).base_url)
    reply = await models.answer(question(), [choice(provider), choice("groq")])
    failed, _ = reply.attempts
    assert (failed["error_class"], failed["calls"]) == ("InvalidModelOutputError", 1)
    assert failed["message"] == f"{provider}: the answer is larger than 8,388,608 bytes"


@pytest.mark.parametrize(("script", "calls", "error"), NO_SECOND_CALL.values(), ids=NO_SECOND_CALL)
async def test_any_other_failure_moves_on_to_the_next_provider_and_is_recorded(
    script: list[Answer], calls: int, error: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    failing, working = serve(script), serve([tool(FIELDS)])
    keyring.give("openai", failing.base_url)
    keyring.give("groq", working.base_url)
    reply = await models.answer(question(), [choice("openai"), choice("groq")])
    failed, answered = reply.attempts
    assert failing.count == calls
    assert (failed["outcome"], failed["error_class"]) == ("failed", error)
    assert failed["message"].startswith(("openai", "the connection to openai"))
    assert (reply.provider, reply.model_id) == ("groq", MODEL_OF["groq"])
    assert {name: answered[name] for name in answered if name != "seconds"} == {
        "provider": "groq",
        "model": MODEL_OF["groq"],
        "outcome": "ok",
        "error_class": None,
        "message": None,
        "input_tokens": 100,
        "output_tokens": 20,
        "reasks": 0,
        "calls": 1,
        "cost_usd": price_usd("groq", MODEL_OF["groq"], 100, 20),
    }
    assert reply.fallback_reason is not None
    assert reply.fallback_reason.startswith(f"openai failed ({error}: ")
    assert reply.fallback_reason.endswith("), groq answered")


async def test_no_fallback_reason_where_the_first_provider_answers(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give("openai", serve([tool(FIELDS)]).base_url)
    reply = await models.answer(question(), [choice("openai"), choice("groq")])
    assert (reply.fallback_reason, len(reply.attempts)) == (None, 1)


@pytest.mark.parametrize("provider", ["openai", "mistral", "claude"])
async def test_a_server_that_hangs_is_left_after_the_time_limit(
    provider: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give(provider, serve([hang()]).base_url)
    (attempt,) = await outcome(models, question(), choice(provider, timeout_seconds=0.3))
    assert attempt["error_class"] == "TimeLimitError"
    assert attempt["seconds"] >= 0.3
    assert "did not answer within 0.3 s" in attempt["message"]


async def test_a_closed_port_is_a_passing_fault(keyring: Keyring, models: PydanticAiModels) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can take the port meanwhile
        taken.bind(("127.0.0.1", 0))
        keyring.give("openai", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(ModelsUnavailableError) as caught:
            await models.answer(question(), [choice("openai")])
    assert caught.value.retryable
    assert caught.value.attempts[0]["error_class"] == "ExternalServiceError"


async def test_the_chain_fails_for_good_only_when_no_link_failed_for_a_passing_reason(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give("openai", serve([failure(401)]).base_url)
    keyring.give("groq", serve([failure(429, retry_after=30)]).base_url)
    with pytest.raises(InvalidModelOutputError) as permanent:
        await models.answer(question(), [choice("openai")])
    with pytest.raises(ModelsUnavailableError) as passing:
        await models.answer(question(), [choice("openai"), choice("groq")])
    assert not permanent.value.retryable
    assert passing.value.details["retry_after"] == 30
    assert [attempt["provider"] for attempt in passing.value.attempts] == ["openai", "groq"]


async def test_a_link_without_a_key_is_passed_over_and_recorded(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give("groq", serve([tool(FIELDS)]).base_url)
    reply = await models.answer(question(), [choice("openai"), choice("groq")])
    assert reply.attempts[0]["error_class"] == "NotConfiguredError"
    assert "openai has no key" in reply.attempts[0]["message"]


async def test_a_saved_credential_that_cannot_be_read_is_that_links_failure() -> None:
    def lookup(provider: str, name: str | None) -> ProviderCredential | None:
        raise NotConfiguredError(f"the block {name} was saved with another encryption key")

    models = PydanticAiModels(lookup)
    reply = await models.answer(
        question(extractive=lambda: OSLO), [choice("openai", credential="house"), choice("extractive")]
    )
    assert "another encryption key" in reply.attempts[0]["message"]


async def test_an_empty_chain_says_what_to_set(models: PydanticAiModels) -> None:
    with pytest.raises(NotConfiguredError, match="GROQ_API_KEY"):
        await models.answer(question(), [])


async def test_cancellation_passes_through_at_once(serve: Serve, keyring: Keyring, models: PydanticAiModels) -> None:
    server = serve([hang()])
    keyring.give("openai", server.base_url)
    asking = asyncio.create_task(models.answer(question(), [choice("openai"), choice("extractive")]))
    while not server.calls:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(2):
            await asking


# ── the provider that needs no model ──────────────────────────────────────────────────────────────────────────


async def test_the_extractive_answer_costs_nothing_and_is_an_attempt(models: PydanticAiModels) -> None:
    reply = await models.answer(question(extractive=lambda: OSLO), [choice("openai"), choice("extractive")])
    assert (reply.output, reply.provider) == (OSLO, "extractive")
    assert (reply.usage.calls, reply.usage.input_tokens, reply.usage.cost_usd) == (0, 0, 0.0)
    assert [attempt["outcome"] for attempt in reply.attempts] == ["failed", "ok"]


async def test_a_request_without_an_extractive_answer_cannot_be_answered_so(models: PydanticAiModels) -> None:
    (attempt,) = await outcome(models, question(), choice("extractive"))
    assert attempt["error_class"] == "NotConfiguredError"


async def test_sources_that_give_no_extract_are_that_links_failure(models: PydanticAiModels) -> None:
    def nothing() -> City:
        raise InvalidInputError("no source has any text")

    (attempt,) = await outcome(models, question(extractive=nothing), choice("extractive"))
    assert attempt["message"] == "no source has any text"


# ── cost ──────────────────────────────────────────────────────────────────────────────────────────────────────

PRICES: dict[str, tuple[tuple[str, str, int, int], float | None]] = {
    "gpt-4": (("openai", "gpt-4", 1000, 1000), 0.09),
    "claude": (("claude", "claude-sonnet-4-6", 1000, 1000), 0.018),
    "an unknown model": (("openai", "nobody-knows-7b", 1000, 1000), None),
    "a server of one's own": (("openai-compatible", "gpt-4", 1000, 1000), None),
    "no count of tokens": (("openai", "gpt-4", 0, 0), None),
}


@pytest.mark.parametrize(("call", "usd"), PRICES.values(), ids=PRICES)
def test_a_price_is_known_or_none(call: tuple[str, str, int, int], usd: float | None) -> None:
    assert price_usd(*call) == (None if usd is None else pytest.approx(usd))


async def test_the_cost_of_failed_attempts_is_counted(serve: Serve, keyring: Keyring, models: PydanticAiModels) -> None:
    """Three answers that were no use, then one that was: 4 × (100 in, 20 out) of gpt-4."""
    keyring.give("openai", serve([text("?")]).base_url)
    keyring.give("named", serve([tool(FIELDS)]).base_url)
    reply = await models.answer(question(), [choice("openai"), choice("openai", credential="named")])
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.calls) == (400, 80, 4)
    assert reply.usage.cost_usd == pytest.approx(4 * (100 * 30e-6 + 20 * 60e-6))


async def test_a_re_ask_that_the_budget_may_not_bear_is_not_sent(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    """The first answer is no use; what it took (100 in, 20 out) leaves too little for a second call at its worst."""
    server = serve([text("?")])
    keyring.give("openai", server.base_url)
    asked = choice("openai")
    purse = Purse(Budget(tokens=worst_case(asked, texts_of(question()), price_usd).tokens + 100), price_usd)
    with paying_from(purse), pytest.raises(BudgetExceededError) as caught:
        await models.answer(question(), [asked, choice("groq")])
    (attempt,) = caught.value.attempts
    assert (server.count, attempt["calls"], attempt["error_class"]) == (1, 1, "BudgetExceededError")
    assert attempt["cost_usd"] == pytest.approx(100 * 30e-6 + 20 * 60e-6) == purse.spent.usd
    assert purse.spent.tokens == 120


async def test_an_unknown_price_makes_the_whole_cost_unknown(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    keyring.give("openai-compatible", serve([tool(FIELDS)]).base_url)
    assert (await models.answer(question(), [choice("openai-compatible")])).usage.cost_usd is None


# ── keys and foreign errors ───────────────────────────────────────────────────────────────────────────────────

ECHOES = {
    "in an error": Answer(status=401, body={"error": {"message": f"Incorrect API key provided: {KEY}"}}),
    "in a page": Answer(status=502, body=f"<pre>authorization: Bearer {KEY}</pre>", content_type="text/html"),
    "in a header": Answer(status=500, headers={"X-Debug": KEY}, body={"error": {"message": f"{KEY}"}}),
    "in an answer": text(f"Your key is {KEY}"),
    "in a body that is none": Answer(body={"echo": KEY}),
    "in half a body": Answer(body=f'{{"choices": "{KEY}'),
}


@pytest.mark.parametrize("provider", ["openai", "mistral", "claude"])
@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
async def test_a_key_that_a_server_echoes_is_nowhere_to_be_seen(
    answer: Answer,
    provider: str,
    serve: Serve,
    keyring: Keyring,
    models: PydanticAiModels,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keyring.give(provider, serve([answer]).base_url)
    with pytest.raises(MillraceError) as caught:
        await models.answer(question(), [choice(provider)])
    told = "".join(traceback.format_exception(caught.value))
    logged = [f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records]
    assert [line for line in logged if KEY in line] == []
    for seen in (told, str(caught.value.details), repr(models), repr(keyring.by_provider)):
        assert KEY not in seen


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded provider answers are not on this machine")
class TestRecordedAnswers:
    """Every recorded body over the wire: an answer, or one of our errors, never a foreign one."""

    @pytest.mark.parametrize("path", sorted(RECORDED.glob("*/*.json")), ids=lambda path: path.stem)
    async def test_no_recorded_answer_lets_a_foreign_error_out(
        self, path: Path, serve: Serve, keyring: Keyring, models: PydanticAiModels
    ) -> None:
        provider = {"anthropic": "claude", "mistral": "mistral"}.get(path.stem.split("_")[0], "openai")
        response = json.loads(path.read_text())["response"]
        kind = response["headers"].get("content-type", "application/json")
        server = serve([Answer(status=response["status"]["code"], body=response["body"], content_type=kind)])
        keyring.give(provider, server.base_url)
        try:
            reply = await models.answer(question(max_reasks=1), [choice(provider)])
        except (ModelsUnavailableError, InvalidModelOutputError) as error:
            assert error.attempts[0]["message"]
        else:
            assert isinstance(reply.output, City)

    @pytest.mark.parametrize(
        ("name", "provider", "city"),
        [("groq_native_output", "groq", "Mexico City"), ("anthropic_tool_output_2", "claude", "Mexico City")],
    )
    async def test_a_recorded_answer_is_read(
        self, name: str, provider: str, city: str, serve: Serve, keyring: Keyring, models: PydanticAiModels
    ) -> None:
        body = json.loads((RECORDED / "ok" / f"{name}.json").read_text())["response"]["body"]
        keyring.give(provider, serve([Answer(body=body)]).base_url)
        reply = await models.answer(question(), [choice(provider)])
        assert reply.output.city == city
        assert reply.usage.input_tokens > 0


# ── the environment, loops, imports ───────────────────────────────────────────────────────────────────────────

ENVIRONMENTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing": ({}, []),
    "keys": ({"ANTHROPIC_API_KEY": "a", "GROQ_API_KEY": "b", "OPENAI_API_KEY": "c"}, ["groq", "openai", "claude"]),
    "an empty key": ({"GROQ_API_KEY": ""}, []),
    "a local OpenAI-compatible server without a key": ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, ["openai"]),
    "another provider's address without a key": ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, []),
}


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OPENAI", "GROQ", "MISTRAL", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)
    return monkeypatch


@pytest.mark.parametrize(("environment", "available"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_a_provider_is_available_when_the_environment_has_its_key(
    environment: dict[str, str], available: list[str], no_keys: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        no_keys.setenv(name, value)
    assert PydanticAiModels().available() == available


async def test_the_environments_address_is_honoured_without_a_key(serve: Serve, no_keys: pytest.MonkeyPatch) -> None:
    server = serve([tool(FIELDS)])
    no_keys.setenv("OPENAI_BASE_URL", server.base_url)
    models = PydanticAiModels()
    for provider in ("openai", "openai-compatible"):
        assert (await models.answer(question(), [choice(provider)])).output == OSLO
    await models.close()


def test_openai_compatible_without_an_address_has_no_credential(no_keys: pytest.MonkeyPatch) -> None:
    no_keys.setenv("OPENAI_API_KEY", "x")
    assert environment_credential("openai-compatible") is None


def test_the_same_models_answer_in_one_event_loop_after_another(serve: Serve, keyring: Keyring) -> None:
    server = serve([tool(FIELDS)])
    keyring.give("openai", server.base_url)
    models = PydanticAiModels(keyring)

    async def ask() -> ModelReply[City]:
        return await models.answer(question(), [choice("openai")])

    for _ in range(3):
        assert asyncio.run(ask()).output == OSLO
    asyncio.run(models.close())


async def test_many_questions_at_once_share_the_connections(
    serve: Serve, keyring: Keyring, models: PydanticAiModels
) -> None:
    server = serve([tool(FIELDS, delay=0.2)])
    keyring.give("openai", server.base_url)
    await models.answer(question(), [choice("openai")])  # imports the SDK
    started = time.monotonic()
    replies = await asyncio.gather(*(models.answer(question(), [choice("openai")]) for _ in range(20)))
    assert [reply.output for reply in replies] == [OSLO] * 20
    assert time.monotonic() - started < 20 * 0.2 / 2


async def test_models_answer_again_after_close(serve: Serve, keyring: Keyring, models: PydanticAiModels) -> None:
    keyring.give("openai", serve([tool(FIELDS)]).base_url)
    await models.answer(question(), [choice("openai")])
    await models.close()
    assert (await models.answer(question(), [choice("openai")])).output == OSLO


def test_importing_the_adapter_imports_no_sdk() -> None:
    program = (
        "import sys, spine.adapters.models, spine.ai_config, spine.testing.scripted_models\n"
        "heavy = {'pydantic_ai', 'openai', 'mistralai', 'anthropic', 'groq', 'genai_prices', 'httpx', 'httpx2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    assert done.stdout.strip() == "[]"
