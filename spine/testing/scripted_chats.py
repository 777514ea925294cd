"""The in-memory twin of chats: words come from a function, tools are used for real, requests are kept."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spine.chat_chain import Said, chat_texts, use_tools, walk_chat
from spine.chat_port import ChatReply, ChatRequest
from spine.errors import MillraceError
from spine.model_chain import Attempt
from spine.ports import ModelChoice


@dataclass(frozen=True, slots=True)
class UsesTools:
    """A provider that calls tools in one answer, `(name, arguments)` each, and then says `text`."""

    calls: Sequence[tuple[str, Mapping[str, Any]]]
    text: str


Scripted = str | UsesTools | MillraceError
Script = Callable[[ChatRequest, ModelChoice], Scripted | Awaitable[Scripted]]


class ScriptedChats:
    """Implements `spine.chat_port.Chats` without a network; `requests` lives as long as its object.

    Tokens are counted as words, and cost nothing.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[ChatRequest] = []

    async def reply(self, request: ChatRequest, chain: Sequence[ModelChoice]) -> ChatReply:
        return await walk_chat(request, chain, self._ask)

    async def _ask(self, request: ChatRequest, attempt: Attempt[Said]) -> Said | MillraceError:
        async with attempt.call(chat_texts(request)):
            self.requests.append(request)
            scripted = self.script(request, attempt.choice)
            if inspect.isawaitable(scripted):
                scripted = await scripted
            if isinstance(scripted, MillraceError):
                return scripted
            said = scripted if isinstance(scripted, str) else scripted.text
            attempt.answered(len(" ".join(chat_texts(request)).split()), len(said.split()), 0.0)
        if isinstance(scripted, str):
            return Said(text=scripted)
        uses = await use_tools(request.tools, scripted.calls)
        return Said(text=said, tools=tuple(uses))
