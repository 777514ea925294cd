"""One question over the wire: the SDK clients of the providers, opened when first needed, and one request to one model.

The SDKs and pydantic-ai take seconds to import, so they are imported in a thread at the first call to a provider.
Connections and clients live per event loop, from the first call in that loop until `close` (or until the loop is
closed and another one comes by), since a connection cannot move to another loop. The SDKs' own retries are off:
who waits and how long is decided in `models`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from spine.adapters.model_answers import ANSWER_TOOL, ToolCall
from spine.adapters.model_client import lenient_client
from spine.adapters.model_completions import send_as_handed_over
from spine.adapters.model_mending import possible_count
from spine.answer_schemas import schema_of, schema_text
from spine.ports import ModelChoice
from spine.provider_keys import ProviderCredential

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

_GROQ_URL = "https://api.groq.com"
_MISTRAL_URL = "https://api.mistral.ai"
_MAX_TEMPERATURE = {"claude": 1.0, "mistral": 1.5}
_CONNECT_SECONDS = 10.0
_CALLS_AT_ONCE = 256
"""More than the messages that a live lane answers at once: a call that waits for another one's connection does not show
in any figure, and of the SDKs' own 20 kept connections most calls would meet none and shake hands anew."""

_CHATTY_LOGGERS = ("httpcore2", "httpx2", "openai", "anthropic")  # at DEBUG they write whole headers and prompts

_JSON_RULE = "answer with one JSON object and nothing else. It must fit this JSON Schema:\n{schema}"
_TOOL_RULE = f"Give the answer by calling the tool `{ANSWER_TOOL}`. If you cannot call tools, {_JSON_RULE}"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `previous` is the answer that was refused, `problem` why."""

    system: str
    prompt: str
    output_type: type[BaseModel]
    previous: str = ""
    problem: str = ""
    with_tools: bool = True


@dataclass(frozen=True, slots=True)
class WireReply:
    """What came back, as text and tool calls."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    input_tokens: int
    output_tokens: int
    finish_reason: str | None

    @property
    def as_said(self) -> str:
        """The answer as the model can be reminded of it."""
        return "\n".join([self.text, *(_as_json(call.arguments) for call in self.tool_calls)]).strip()


@dataclass(slots=True)
class _Connections:
    """One event loop's HTTP pool and the clients that use it."""

    pool: httpx2.AsyncClient
    models: dict[tuple[str, str, ProviderCredential], Model] = field(default_factory=dict[Any, Any])

    def model(self, choice: ModelChoice, credential: ProviderCredential) -> Model:
        key = (choice.provider, choice.model_id, credential)
        if key not in self.models:
            self.models[key] = _BUILDERS.get(choice.provider, _openai_model)(choice.model_id, credential, self.pool)
        return self.models[key]


class ModelWire:
    """Sends questions; owns the connections."""

    def __init__(self) -> None:
        self._by_loop: dict[asyncio.AbstractEventLoop, _Connections] = {}

    async def send(self, question: Question, choice: ModelChoice, credential: ProviderCredential) -> WireReply:
        """One request to the model, at most `choice.timeout_seconds` long. Raises whatever the SDK raises."""
        await import_sdk(choice.provider)
        return read_response(await self.request(_messages(question), _parameters(question), choice, credential))

    async def request(
        self,
        messages: list[ModelMessage],
        parameters: ModelRequestParameters,
        choice: ModelChoice,
        credential: ProviderCredential,
    ) -> ModelResponse:
        """One request with messages of the caller's own making, in pydantic-ai's terms; otherwise like `send`."""
        await import_sdk(choice.provider)
        async with asyncio.timeout(choice.timeout_seconds):
            model = self._connections().model(choice, credential)
            return await model.request(messages, _settings(choice), parameters)

    async def close(self) -> None:
        """Close this loop's connections; those of other loops end with their loop."""
        connections = self._by_loop.pop(asyncio.get_running_loop(), None)
        self._forget_closed_loops()
        if connections is not None:
            await connections.pool.aclose()

    def _connections(self) -> _Connections:
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            self._forget_closed_loops()
            self._by_loop[loop] = _Connections(_open_pool())
        return self._by_loop[loop]

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in list(self._by_loop) if loop.is_closed()]:
            self._by_loop.pop(loop, None)


def _open_pool() -> httpx2.AsyncClient:
    """Redirects are not followed: they would carry the key to another host."""
    import httpx2

    _quieten()
    timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
    limits = httpx2.Limits(max_connections=_CALLS_AT_ONCE, max_keepalive_connections=_CALLS_AT_ONCE)
    return lenient_client(timeout=timeout, limits=limits, follow_redirects=False, verify=_trusted())


def _quieten() -> None:
    """With every pool, not once: who configures logging in between resets the levels. A level of one's own stays."""
    for name in _CHATTY_LOGGERS:
        if (logger := logging.getLogger(name)).level == logging.NOTSET:
            logger.setLevel(logging.INFO)


@cache
def _trusted() -> SSLContext:
    """Reading the certificates takes 20 ms; once per process will do."""
    import httpx2

    return httpx2.create_ssl_context()


_imported: set[str] = set()


async def import_sdk(provider: str) -> None:
    """Once per process, in a thread: the event loop goes on meanwhile."""
    family = {"claude": "anthropic", "mistral": "mistral"}.get(provider, "openai")
    if family not in _imported:
        await asyncio.to_thread(_import_all, family)
        _imported.add(family)


def _import_all(family: str) -> None:
    for module in ("genai_prices", f"pydantic_ai.models.{family}", f"pydantic_ai.providers.{family}"):
        import_module(module)


def _openai_model(model_id: str, credential: ProviderCredential, pool: httpx2.AsyncClient) -> Model:
    return _openai_wire(model_id, credential.api_key, credential.base_url, pool)


def _groq_model(model_id: str, credential: ProviderCredential, pool: httpx2.AsyncClient) -> Model:
    return _openai_wire(model_id, credential.api_key, groq_address(credential.base_url), pool)


def _openai_wire(model_id: str, key: SecretStr, base_url: str | None, pool: httpx2.AsyncClient) -> Model:
    """Chat completions, which every compatible server has. Only reasoning models insist on the newer length field."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile, openai_model_profile
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(api_key=key.get_secret_value(), base_url=base_url, max_retries=0, http_client=pool)
    send_as_handed_over(client)
    reasons = bool(openai_model_profile(model_id).get("openai_supports_reasoning"))
    return OpenAIChatModel(
        model_id,
        provider=OpenAIProvider(openai_client=client),
        profile=OpenAIModelProfile(openai_chat_supports_max_completion_tokens=reasons),
    )


def _mistral_model(model_id: str, credential: ProviderCredential, pool: httpx2.AsyncClient) -> Model:
    from mistralai.client import Mistral
    from pydantic_ai.models.mistral import MistralModel
    from pydantic_ai.providers.mistral import MistralProvider

    key = credential.api_key.get_secret_value()
    client = Mistral(api_key=key, server_url=_without_version(credential.base_url) or _MISTRAL_URL, async_client=pool)
    return MistralModel(model_id, provider=MistralProvider(mistral_client=client))


def _claude_model(model_id: str, credential: ProviderCredential, pool: httpx2.AsyncClient) -> Model:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    key, base_url = credential.api_key.get_secret_value(), _without_version(credential.base_url)
    client = AsyncAnthropic(api_key=key, base_url=base_url, max_retries=0, http_client=pool)
    return AnthropicModel(model_id, provider=AnthropicProvider(anthropic_client=client))


_Builder = Callable[[str, ProviderCredential, "httpx2.AsyncClient"], "Model"]

_BUILDERS: dict[str, _Builder] = {
    "openai": _openai_model,
    "groq": _groq_model,
    "mistral": _mistral_model,
    "claude": _claude_model,
}


def groq_address(base_url: str | None) -> str:
    """Groq's SDK wants the host alone, OpenAI's clients want the versioned path; either is understood."""
    base = (base_url or _GROQ_URL).rstrip("/")
    return base if urlsplit(base).path.endswith("/v1") else f"{base}/openai/v1"


def _without_version(base_url: str | None) -> str | None:
    """The SDKs of Mistral and Anthropic add `/v1` themselves."""
    return base_url.rstrip("/").removesuffix("/v1") if base_url else None


def _settings(choice: ModelChoice) -> ModelSettings:
    """Some providers refuse a temperature that others take."""
    return {
        "temperature": min(choice.temperature, _MAX_TEMPERATURE.get(choice.provider, choice.temperature)),
        "max_tokens": choice.max_tokens,
        "timeout": choice.timeout_seconds,
    }


def _messages(question: Question) -> list[ModelMessage]:
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    asked = ModelRequest(parts=[SystemPromptPart(_instructions(question)), UserPromptPart(question.prompt)])
    if not question.problem:
        return [asked]
    answered = ModelResponse(parts=[TextPart(question.previous or "(no answer)")])
    objection = (
        f"That answer cannot be used: {question.problem}. Answer the first message again, complete and in the form "
        "the instructions ask for."
    )
    return [asked, answered, ModelRequest(parts=[UserPromptPart(objection)])]


def _instructions(question: Question) -> str:
    rule = _TOOL_RULE if question.with_tools else _JSON_RULE[0].upper() + _JSON_RULE[1:]
    return "\n\n".join(
        part for part in (question.system, rule.format(schema=schema_text(question.output_type))) if part
    )


def _parameters(question: Question) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    if not question.with_tools:
        return ModelRequestParameters(output_mode="text", allow_text_output=True)
    answer = ToolDefinition(
        name=ANSWER_TOOL,
        description="Give the answer.",
        parameters_json_schema=schema_of(question.output_type),
        kind="output",
    )
    return ModelRequestParameters(output_mode="tool", output_tools=[answer], allow_text_output=False)


def read_response(response: ModelResponse) -> WireReply:
    from pydantic_ai.messages import TextPart, ToolCallPart

    calls = [ToolCall(part.tool_name, part.args) for part in response.parts if isinstance(part, ToolCallPart)]
    return WireReply(
        text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
        tool_calls=tuple(calls),
        input_tokens=possible_count(response.usage.input_tokens),
        output_tokens=possible_count(response.usage.output_tokens),
        finish_reason=response.finish_reason,
    )


def _as_json(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
