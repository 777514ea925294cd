"""The edge to models that talk: plain answers in a conversation, with tools that the model may ask for.

Typed answers are asked for through `spine.ports.Models`; both walk the same provider chain and share its errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from spine.answer_schemas import schema_of
from spine.contracts.jobs import Usage
from spine.ports import ModelChoice

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One thing that was said, as plain text."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ChatTool:
    """A function that the model may ask for.

    `run` gets valid input and gives what the model is told; it touches nothing outside that it could not do twice,
    for a model may ask again and a chain may begin anew with another provider. An `InvalidInputError` that it raises
    is told to the model, which may then correct itself; every other error ends the question.

    `one_at_a_time`, when given, is what the model is told of every further call of the tool in the same answer; only
    the first is run.
    """

    name: str
    description: str
    input: type[BaseModel]
    run: Callable[[Any], Awaitable[str]]
    one_at_a_time: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the input; shared, so not to be changed."""
        return schema_of(self.input)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of a tool by the provider that gave the answer."""

    name: str
    result: str
    input: BaseModel | None = None
    """None: what the model sent did not fit, and `result` says why."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A question in a conversation; the last of `turns` is the one to answer.

    `extractive` gives the answer that needs no model. After `max_rounds` rounds of tools the model is asked once more
    without them. An empty answer is asked again `max_reasks` times.
    """

    purpose: str
    system: str
    turns: Sequence[ChatTurn]
    tools: Sequence[ChatTool] = ()
    extractive: Callable[[], str] | None = None
    max_rounds: int = 3
    max_reasks: int = 1


@dataclass(frozen=True, slots=True)
class ChatReply:
    """An answer with its provenance; `attempts` and `fallback_reason` as in `spine.ports.ModelReply`."""

    text: str
    provider: str
    model_id: str
    usage: Usage
    seconds: float
    tools: Sequence[ToolUse] = ()
    attempts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    fallback_reason: str | None = None


class Chats(Protocol):
    """Answers in conversations along a provider chain."""

    async def reply(self, request: ChatRequest, chain: Sequence[ModelChoice]) -> ChatReply:
        """The first answer of the chain. Raises what `spine.ports.Models.answer` raises, for the same reasons."""
        ...
