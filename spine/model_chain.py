"""Walking a provider chain: who was asked, what came of it, and what the record says.

Shared by the real models and their in-memory twin, so that both tell the same story. An ask returns its answer or
the error as a value; nothing is raised until the chain is at its end, which keeps foreign tracebacks (they may
carry what a server echoed) out of the errors that leave.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic

from spine.answer_schemas import schema_text
from spine.budget import Spend, current_purse
from spine.contracts.jobs import Usage
from spine.errors import (
    BudgetExceededError,
    InvalidModelOutputError,
    MillraceError,
    ModelsUnavailableError,
    NotConfiguredError,
)
from spine.ports import ModelChoice, ModelReply, ModelRequest, T

_CHARACTERS_PER_TOKEN = 40  # ten times what a language takes; only blanks come longer
_LEAST_ROOM = 20_000  # characters; small servers do not count what a model thinks, or count roughly


@dataclass(slots=True)
class Attempt(Generic[T]):
    """One provider's turn. Lives for one walk; its `record` is what is kept."""

    choice: ModelChoice
    output: T | None = None
    error: MillraceError | None = None
    seconds: float = 0.0
    reasks: int = 0
    calls: int = 0
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    _unsettled: Spend = field(default_factory=Spend)

    @asynccontextmanager
    async def call(self, texts: Sequence[str]) -> AsyncGenerator[None]:
        """Around one call to the provider that sends `texts`; `answered` inside it says what it took.

        Raises `BudgetExceededError`, before the call is made, when the surrounding purse may not bear it.
        """
        purse = current_purse()
        held = await purse.reserve(self.choice, texts) if purse else Spend()
        self.calls += 1
        try:
            yield
        finally:
            used, self._unsettled = self._unsettled, Spend()
            if purse:
                purse.settle(held, used)

    def answered(self, input_tokens: int, output_tokens: int, cost_usd: float | None) -> None:
        """An answer came, valid or not. One whose price is not known makes the attempt's cost unknown."""
        self.answers += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.cost_usd = None if cost_usd is None or self.cost_usd is None else self.cost_usd + cost_usd
        self._unsettled += Spend(input_tokens + output_tokens, cost_usd or 0.0)

    def too_long(self, said: str) -> InvalidModelOutputError | None:
        """The failure that an answer is which its `max_tokens` cannot hold by far: no reader, re-ask or document has
        room for it, and a server that goes on like that would again."""
        most = _LEAST_ROOM + _CHARACTERS_PER_TOKEN * self.choice.max_tokens
        if len(said) <= most:
            return None
        return InvalidModelOutputError(
            f"{self.choice.provider}: {len(said):,} characters is no answer of {self.choice.max_tokens:,} tokens"
        )

    @property
    def usage(self) -> Usage:
        return Usage(
            input_tokens=self.input_tokens, output_tokens=self.output_tokens, calls=self.calls, cost_usd=self.cost_usd
        )

    @property
    def outcome(self) -> str:
        """ok, failed, or cancelled when it was ended from outside."""
        if self.output is not None:
            return "ok"
        return "failed" if self.error else "cancelled"

    @property
    def record(self) -> dict[str, Any]:
        """As `ports.ModelReply.attempts` describes it, with `calls` and `cost_usd` (None: not known); JSON."""
        return {
            "provider": self.choice.provider,
            "model": self.choice.model_id,
            "outcome": self.outcome,
            "error_class": type(self.error).__name__ if self.error else None,
            "message": self.error.message if self.error else None,
            "seconds": round(self.seconds, 3),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "reasks": self.reasks,
            "calls": self.calls,
            "cost_usd": self.cost_usd,
        }


def texts_of(request: ModelRequest[Any]) -> list[str]:
    """Everything that a call for this request sends, the answer's schema included."""
    return [request.system, request.prompt, schema_text(request.output_type)]


Ask = Callable[[ModelRequest[T], Attempt[T]], Awaitable[T | MillraceError]]
"""Asks one provider and notes calls, tokens and re-asks on the attempt."""


_noted: ContextVar[list[Attempt[Any]] | None] = ContextVar("millrace_attempts", default=None)


@contextmanager
def noting_attempts() -> Generator[list[Attempt[Any]]]:
    """Gives a list to which every walk inside the block adds its attempts when they begin: however the block ends,
    by an answer, an error or a cancellation, the list tells what was spent."""
    attempts: list[Attempt[Any]] = []
    token = _noted.set(attempts)
    try:
        yield attempts
    finally:
        _noted.reset(token)


async def walk_chain(request: ModelRequest[T], chain: Sequence[ModelChoice], ask: Ask[T]) -> ModelReply[T]:
    """The first valid answer of the chain, with every attempt up to it.

    Raises `NotConfiguredError` for an empty chain, `ModelsUnavailableError` when a link failed for a passing
    reason, else `InvalidModelOutputError`, and `BudgetExceededError` as soon as a call may cost more than is left; all
    but the first with `.attempts`. What else `ask` raises (a cancellation, a fault of the caller's own `check`) passes
    through.
    """
    if not chain:
        raise NotConfiguredError(
            f"No model can answer {request.purpose!r}: no provider has a key. Set one of GROQ_API_KEY, "
            "OPENAI_API_KEY, MISTRAL_API_KEY, ANTHROPIC_API_KEY, or allow the extractive provider.",
            what="a language model provider",
        )
    attempts: list[Attempt[T]] = []
    for choice in chain:
        attempt: Attempt[T] = Attempt(choice)
        attempts.append(attempt)
        _note(attempt)
        await _take_turn(request, attempt, ask)
        if attempt.output is not None:
            return _reply(attempts, attempt.output)
        if isinstance(attempt.error, BudgetExceededError):
            raise _out_of_budget(attempt.error, attempts)
    raise _exhausted(request.purpose, attempts)


async def answer_extractively(request: ModelRequest[T]) -> T | MillraceError:
    """The answer that needs no model; it is computed in a thread, since ranking many pages takes its time."""
    if request.extractive is None:
        return NotConfiguredError(
            f"{request.purpose!r} has no extractive answer; give a provider a key", what="an extractive answer"
        )
    try:
        return await asyncio.to_thread(request.extractive)
    except MillraceError as error:
        return error


async def _take_turn(request: ModelRequest[T], attempt: Attempt[T], ask: Ask[T]) -> None:
    started = time.monotonic()
    try:
        outcome = await ask(request, attempt)
    except BudgetExceededError as error:
        outcome = error
    finally:
        attempt.seconds = time.monotonic() - started
    if isinstance(outcome, MillraceError):
        attempt.error = outcome
    else:
        attempt.output = outcome


def _note(attempt: Attempt[Any]) -> None:
    noted = _noted.get()
    if noted is not None:
        noted.append(attempt)


def _reply(attempts: Sequence[Attempt[T]], output: T) -> ModelReply[T]:
    answered = attempts[-1]
    usage = Usage()
    for attempt in attempts:
        usage += attempt.usage
    return ModelReply(
        output=output,
        provider=answered.choice.provider,
        model_id=answered.choice.model_id,
        usage=usage,
        seconds=sum(attempt.seconds for attempt in attempts),
        attempts=[attempt.record for attempt in attempts],
        fallback_reason=_fallback_reason(attempts),
    )


def _fallback_reason(attempts: Sequence[Attempt[Any]]) -> str | None:
    *failed, answered = attempts
    if not failed:
        return None
    return ", ".join([*(_complaint(attempt) for attempt in failed), f"{answered.choice.provider} answered"])


def _complaint(attempt: Attempt[Any]) -> str:
    return f"{attempt.choice.provider} failed ({type(attempt.error).__name__}: {attempt.error})"


def _out_of_budget(error: BudgetExceededError, attempts: Sequence[Attempt[Any]]) -> BudgetExceededError:
    records = [attempt.record for attempt in attempts]
    return BudgetExceededError(error.message, **{**error.details, "attempts": records})


def _exhausted(purpose: str, attempts: Sequence[Attempt[Any]]) -> MillraceError:
    records = [attempt.record for attempt in attempts]
    told = "; ".join(_complaint(attempt) for attempt in attempts)
    passing = [attempt.error for attempt in attempts if attempt.error and attempt.error.retryable]
    if not passing:
        return InvalidModelOutputError(f"No model gave a valid answer to {purpose!r}: {told}", attempts=records)
    return ModelsUnavailableError(
        f"No model could answer {purpose!r}: {told}",
        attempts=records,
        service="models",
        retry_after=_soonest(passing),
    )


def _soonest(errors: Sequence[MillraceError]) -> float | None:
    """The shortest wait that a rate-limited provider named."""
    waits = [wait for error in errors if (wait := getattr(error, "retry_after", None)) is not None]
    return min(waits, default=None)
