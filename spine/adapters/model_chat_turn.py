"""One provider's turn in a conversation: rounds of tools, a last ask without them, and what it spent.

The last ask puts what the tools gave into the question as text, so that it needs no tools on the wire: some servers
always call one, some refuse a history of calls without the tools themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spine.adapters.model_answers import ToolCall, without_thoughts, written_call
from spine.adapters.model_errors import error_from_exception, redact
from spine.adapters.model_prices import price_usd
from spine.adapters.model_wire import ModelWire, WireReply, import_sdk, read_response
from spine.chat_chain import Said, chat_texts, use_tools
from spine.chat_port import ChatRequest, ToolUse
from spine.errors import ContentFilteredError, InvalidModelOutputError, MillraceError, RateLimitError
from spine.model_chain import Attempt
from spine.ports import ModelChoice
from spine.provider_keys import ProviderCredential
from spine.visible_text import shows_something, without_controls

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters

_MOST_CALLS = 8  # in one round; what a model asks for beyond is left out
_EMPTY = "That answer was empty. Answer the person in plain words, without calling anything."
_KNOWN = "Answer the person now, in plain words. What was looked up for this answer:"


@dataclass(frozen=True, slots=True)
class _Heard:
    """A response as the model gave it and as we read it."""

    response: ModelResponse
    reply: WireReply


@dataclass(slots=True)
class ConversationTurn:
    """Lives for one turn; calls, tokens, re-asks and cost are noted on `attempt`."""

    request: ChatRequest
    attempt: Attempt[Said]
    credential: ProviderCredential
    wire: ModelWire
    longest_wait: float
    waited: bool = False
    uses: list[ToolUse] = field(default_factory=list[ToolUse])

    async def take(self) -> Said | MillraceError:
        """What the provider said, or why it said nothing."""
        try:
            await import_sdk(self._choice.provider)
        except ImportError as error:
            return self._translated(error)
        with_tools = await self._rounds_of_tools() if self.request.tools else None
        return with_tools if with_tools is not None else await self._plain_words()

    # -- asking ------------------------------------------------------------------------------------------

    async def _rounds_of_tools(self) -> Said | MillraceError | None:
        """The answer, the provider's failure, or None: it has to be asked without tools."""
        messages = _messages(self.request)
        for _ in range(self.request.max_rounds):
            heard = await self._send(messages, _parameters(self.request))
            if isinstance(heard, MillraceError):
                return None if getattr(heard, "refuses_tools", False) else heard
            calls = self._calls_in(heard.reply)
            if not calls:
                return self._said(heard.reply)
            messages = [*messages, *(await self._used(heard, calls))]
        return None

    async def _plain_words(self) -> Said | MillraceError:
        messages = _messages(self.request, self._looked_up())
        for reasks in range(self.request.max_reasks + 1):
            self.attempt.reasks = reasks
            heard = await self._send(messages, _parameters(None))
            if isinstance(heard, MillraceError):
                return heard
            said = self._said(heard.reply)
            if said is not None:
                return said
            messages = _messages(self.request, f"{self._looked_up()}\n\n{_EMPTY}".strip())
        return InvalidModelOutputError(f"{self._choice.provider}: still no words after {self.attempt.reasks + 1} asks")

    def _said(self, reply: WireReply) -> Said | MillraceError | None:
        """The words of a reply; None when there are none that anybody could see."""
        text = without_controls(without_thoughts(reply.text)).strip()
        if shows_something(text) and written_call(text, self._tool_names) is None:
            return Said(text=text, tools=tuple(self.uses))
        if reply.finish_reason == "content_filter":
            return ContentFilteredError(f"{self._choice.provider} refused to answer", service=self._choice.provider)
        return None

    # -- tools -------------------------------------------------------------------------------------------

    def _calls_in(self, reply: WireReply) -> Sequence[ToolCall]:
        if reply.tool_calls:
            return reply.tool_calls
        written = written_call(without_thoughts(reply.text), self._tool_names)
        return [written] if written is not None else []

    async def _used(self, heard: _Heard, calls: Sequence[ToolCall]) -> list[ModelMessage]:
        """Run the tools; the exchange as the model is reminded of it."""
        results = await use_tools(self.request.tools, [(call.name, call.arguments) for call in calls[:_MOST_CALLS]])
        self.uses += results
        return _exchange(heard.response, results) if heard.reply.tool_calls else _retold(heard.reply.text, results)

    def _looked_up(self) -> str:
        return "\n\n".join([_KNOWN, *(f"{use.name}: {use.result}" for use in self.uses)]) if self.uses else ""

    @property
    def _tool_names(self) -> set[str]:
        return {tool.name for tool in self.request.tools}

    # -- the wire ----------------------------------------------------------------------------------------

    async def _send(self, messages: list[ModelMessage], parameters: ModelRequestParameters) -> _Heard | MillraceError:
        heard = await self._call(messages, parameters)
        if (wait := self._patience(heard)) is not None:
            self.waited = True
            await asyncio.sleep(wait)
            heard = await self._call(messages, parameters)
        return heard

    def _patience(self, heard: _Heard | MillraceError) -> float | None:
        """Seconds to wait before the same provider is asked again; None: it is not worth waiting."""
        if self.waited or not isinstance(heard, RateLimitError) or heard.retry_after is None:
            return None
        return heard.retry_after if heard.retry_after <= self.longest_wait else None

    async def _call(self, messages: list[ModelMessage], parameters: ModelRequestParameters) -> _Heard | MillraceError:
        async with self.attempt.call([*chat_texts(self.request), self._looked_up()]):
            try:
                response = await self.wire.request(messages, parameters, self._choice, self.credential)
            except Exception as error:  # every SDK has its own tree; none of it may leave
                return self._translated(error)
            reply = read_response(response)
            self.attempt.answered(reply.input_tokens, reply.output_tokens, self._price(reply))
            return self.attempt.too_long(reply.as_said) or _Heard(response, self._without_key(reply))

    def _without_key(self, reply: WireReply) -> WireReply:
        """A server that echoes what it was sent must not tell the key to a customer, or into an order."""
        secrets = self._secrets
        calls = tuple(ToolCall(call.name, redact(call.as_text, secrets)) for call in reply.tool_calls)
        return WireReply(
            redact(reply.text, secrets), calls, reply.input_tokens, reply.output_tokens, reply.finish_reason
        )

    def _translated(self, error: Exception) -> MillraceError:
        limit = self._choice.timeout_seconds
        return error_from_exception(self._choice.provider, error, timeout_seconds=limit, secrets=self._secrets)

    def _price(self, reply: WireReply) -> float | None:
        choice, address = self._choice, self.credential.base_url
        return price_usd(choice.provider, choice.model_id, reply.input_tokens, reply.output_tokens, address)

    @property
    def _choice(self) -> ModelChoice:
        return self.attempt.choice

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self.credential.api_key.get_secret_value(),)


def _messages(request: ChatRequest, appendix: str = "") -> list[ModelMessage]:
    """The conversation in pydantic-ai's terms; the appendix follows what was said last."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    messages: list[ModelMessage] = []
    parts: list[SystemPromptPart | UserPromptPart] = [SystemPromptPart(request.system)] if request.system else []
    for turn in request.turns:
        if turn.role == "user":
            parts.append(UserPromptPart(turn.text))
            continue
        messages += [ModelRequest(parts=parts), ModelResponse(parts=[TextPart(turn.text)])]
        parts = []
    if appendix:
        parts.append(UserPromptPart(appendix))
    return [*messages, ModelRequest(parts=parts)] if parts else messages


def _exchange(response: ModelResponse, uses: Sequence[ToolUse]) -> list[ModelMessage]:
    """Calls and results in the wire's own form. Calls that were left out are answered too: servers insist on it."""
    from pydantic_ai.messages import ModelRequest, ToolCallPart, ToolReturnPart

    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    results = [use.result for use in uses] + ["Not looked up: too many calls at once."] * (len(calls) - len(uses))
    returned = [
        ToolReturnPart(call.tool_name, result, call.tool_call_id) for call, result in zip(calls, results, strict=True)
    ]
    return [response, ModelRequest(parts=returned)]


def _retold(text: str, uses: Sequence[ToolUse]) -> list[ModelMessage]:
    """The same for a call that was written down as text."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

    told = "\n\n".join(f"{use.name}: {use.result}" for use in uses)
    return [ModelResponse(parts=[TextPart(text)]), ModelRequest(parts=[UserPromptPart(f"{_KNOWN}\n{told}")])]


def _parameters(request: ChatRequest | None) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    tools = [
        ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)
        for tool in (request.tools if request is not None else ())
    ]
    return ModelRequestParameters(function_tools=tools, output_mode="text", allow_text_output=True)
