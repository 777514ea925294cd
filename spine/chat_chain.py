"""Walking a provider chain for an answer in a conversation: the walk of `spine.model_chain` with words for an answer.

Shared by the real chats and their in-memory twin.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from spine.chat_port import ChatReply, ChatRequest, ChatTool, ToolUse
from spine.errors import InvalidInputError, MillraceError, NotConfiguredError
from spine.model_chain import Attempt, answer_extractively, walk_chain
from spine.ports import ModelChoice, ModelRequest


class Said(BaseModel):
    """What a provider said in the end, and the tools it used on the way."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: str
    tools: tuple[ToolUse, ...] = ()


AskForWords = Callable[[ChatRequest, Attempt[Said]], Awaitable[Said | MillraceError]]
"""Asks one provider and notes calls, tokens and re-asks on the attempt."""


async def walk_chat(request: ChatRequest, chain: Sequence[ModelChoice], ask: AskForWords) -> ChatReply:
    """The chain's first answer. Raises what `spine.model_chain.walk_chain` raises."""

    async def ask_or_extract(typed: ModelRequest[Said], attempt: Attempt[Said]) -> Said | MillraceError:
        if attempt.choice.provider == "extractive":
            return await answer_extractively(typed)
        return await ask(request, attempt)

    reply = await walk_chain(_as_typed(request), chain, ask_or_extract)
    return ChatReply(
        text=reply.output.text,
        provider=reply.provider,
        model_id=reply.model_id,
        usage=reply.usage,
        seconds=reply.seconds,
        tools=reply.output.tools,
        attempts=reply.attempts,
        fallback_reason=reply.fallback_reason,
    )


async def use_tools(tools: Sequence[ChatTool], calls: Sequence[tuple[str, object]]) -> list[ToolUse]:
    """Run what one answer of the model asks for, `(name, arguments)` each; a result for every call, in order."""
    single = {tool.name: tool.one_at_a_time for tool in tools if tool.one_at_a_time}
    uses: list[ToolUse] = []
    for name, arguments in calls:
        again = name in single and any(use.name == name for use in uses)
        uses.append(ToolUse(name, single[name]) if again else await use_tool(tools, name, arguments))
    return uses


async def use_tool(tools: Sequence[ChatTool], name: str, arguments: object) -> ToolUse:
    """Run the tool that the model asked for; what does not fit is told to the model instead."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return ToolUse(name, f"There is no tool {name!r}; there are: {', '.join(tool.name for tool in tools)}.")
    try:
        given = tool.input.model_validate_json(arguments if isinstance(arguments, str) else json.dumps(arguments or {}))
    except ValidationError as error:
        return ToolUse(name, f"The input does not fit: {_told(error)}. Correct it, or answer without the tool.")
    try:
        return ToolUse(name, await tool.run(given), given)
    except InvalidInputError as error:
        return ToolUse(name, f"Refused: {error.message}")


def chat_texts(request: ChatRequest) -> list[str]:
    """Everything that the first call for this request sends, the tools' schemas included."""
    schemas = [json.dumps(tool.schema) + tool.description for tool in request.tools]
    return [request.system, *(turn.text for turn in request.turns), *schemas]


class ExtractiveChats:
    """Chats without any model: what can be answered extractively is, every other provider fails for want of a key."""

    async def reply(self, request: ChatRequest, chain: Sequence[ModelChoice]) -> ChatReply:
        return await walk_chat(request, chain, self._refuse)

    async def _refuse(self, request: ChatRequest, attempt: Attempt[Said]) -> MillraceError:
        provider = attempt.choice.provider
        return NotConfiguredError(f"{provider} cannot be asked here", what=f"a connection to {provider}")


def _as_typed(request: ChatRequest) -> ModelRequest[Said]:
    extractive = request.extractive
    return ModelRequest(
        purpose=request.purpose,
        system=request.system,
        prompt="",
        output_type=Said,
        extractive=(lambda: Said(text=extractive())) if extractive is not None else None,
    )


def _told(error: ValidationError) -> str:
    """Places and complaints without the values, which may be private."""
    faults: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'input'}: {fault['msg']}" for fault in faults[:5])
