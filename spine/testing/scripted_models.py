"""The in-memory twin of the models: answers come from a function, calls are counted."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from spine.budget import PriceOf
from spine.errors import InvalidModelOutputError, MillraceError, NotConfiguredError
from spine.model_chain import Attempt, answer_extractively, texts_of, walk_chain
from spine.ports import ModelChoice, ModelReply, ModelRequest, T

Scripted = BaseModel | Mapping[str, Any] | MillraceError
"""An answer, its fields, or the error with which the provider fails (returned or raised)."""

Script = Callable[[ModelRequest[Any], ModelChoice], Scripted | Awaitable[Scripted]]


def no_model(request: ModelRequest[Any], choice: ModelChoice) -> Scripted:
    """The script of a machine without keys: only extractive answers come through."""
    return NotConfiguredError(f"{choice.provider} has no key", what=f"a key for {choice.provider}")


def free_of_charge(provider: str, model_id: str, input_tokens: int, output_tokens: int) -> float | None:
    """The price of scripted answers where a test says nothing else."""
    return 0.0


class ScriptedModels:
    """Implements `spine.ports.Models` without a network; `calls` lives as long as its object.

    Fields that do not fit the output type, and answers that the request's `check` refuses, are re-asked as real
    ones are. Tokens are counted as words; an answer costs what `price` says, nothing by default.
    """

    def __init__(
        self, script: Script = no_model, *, providers: Sequence[str] = ("groq",), price: PriceOf = free_of_charge
    ) -> None:
        self._script = script
        self._providers = list(providers)
        self._price = price
        self.calls: list[tuple[ModelRequest[Any], ModelChoice]] = []

    @property
    def purposes(self) -> list[str]:
        """What was asked for, in order, one entry per call."""
        return [request.purpose for request, _ in self.calls]

    async def answer(self, request: ModelRequest[T], chain: Sequence[ModelChoice]) -> ModelReply[T]:
        return await walk_chain(request, chain, self._ask)

    def available(self) -> list[str]:
        return list(self._providers)

    async def close(self) -> None:
        """There is nothing to close; the real models have connections."""

    async def _ask(self, request: ModelRequest[T], attempt: Attempt[T]) -> T | MillraceError:
        if attempt.choice.provider == "extractive":
            return await answer_extractively(request)
        problem = ""
        for reasks in range(request.max_reasks + 1):
            attempt.reasks = reasks
            scripted = await self._call(request, attempt)
            if isinstance(scripted, MillraceError):
                return scripted
            answer = _typed(scripted, request.output_type)
            if not isinstance(answer, str):
                objection = request.check(answer) if request.check else None
                if objection is None:
                    return answer
                answer = objection
            problem = answer
        return InvalidModelOutputError(f"{attempt.choice.provider}: still invalid: {problem}")

    async def _call(self, request: ModelRequest[T], attempt: Attempt[T]) -> Scripted:
        async with attempt.call(texts_of(request)):
            self.calls.append((request, attempt.choice))
            try:
                scripted = self._script(request, attempt.choice)
                if inspect.isawaitable(scripted):
                    scripted = await scripted
            except MillraceError as error:
                return error
            if not isinstance(scripted, MillraceError):
                self._charge(request, attempt, scripted)
            return scripted

    def _charge(self, request: ModelRequest[T], attempt: Attempt[T], scripted: object) -> None:
        sent, said = len(f"{request.system} {request.prompt}".split()), len(str(scripted).split())
        choice = attempt.choice
        attempt.answered(sent, said, self._price(choice.provider, choice.model_id, sent, said))


def _typed(scripted: BaseModel | Mapping[str, Any], output_type: type[T]) -> T | str:
    """The answer as the type that was asked for, or what is wrong with it."""
    if isinstance(scripted, output_type):
        return scripted
    fields = scripted.model_dump() if isinstance(scripted, BaseModel) else scripted
    try:
        return output_type.model_validate(fields)
    except ValidationError as error:
        return str(error)
