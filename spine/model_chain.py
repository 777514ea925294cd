"""Walking a provider chain: who was asked, what came of it, and what the record says.

Shared by the real models and their in-memory twin, so that both tell the same story. An ask returns its answer or
the error as a value; nothing is raised until the chain is at its end, which keeps foreign tracebacks (they may
carry what a server echoed) out of the errors that leave.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from spine.contracts.jobs import Usage
from spine.errors import InvalidModelOutputError, MillraceError, ModelsUnavailableError, NotConfiguredError
from spine.ports import ModelChoice, ModelReply, ModelRequest, T


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

    @property
    def usage(self) -> Usage:
        return Usage(
            input_tokens=self.input_tokens, output_tokens=self.output_tokens, calls=self.calls, cost_usd=self.cost_usd
        )

    @property
    def record(self) -> dict[str, Any]:
        """As `ports.ModelReply.attempts` describes it; JSON."""
        return {
            "provider": self.choice.provider,
            "model": self.choice.model_id,
            "outcome": "failed" if self.error else "ok",
            "error_class": type(self.error).__name__ if self.error else None,
            "message": self.error.message if self.error else None,
            "seconds": round(self.seconds, 3),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "reasks": self.reasks,
        }


Ask = Callable[[ModelRequest[T], Attempt[T]], Awaitable[T | MillraceError]]
"""Asks one provider and notes calls, tokens and re-asks on the attempt."""


async def walk_chain(request: ModelRequest[T], chain: Sequence[ModelChoice], ask: Ask[T]) -> ModelReply[T]:
    """The first valid answer of the chain, with every attempt up to it.

    Raises `NotConfiguredError` for an empty chain, `ModelsUnavailableError` when a link failed for a passing
    reason, else `InvalidModelOutputError`. What `ask` raises (a cancellation, a fault of the caller's own `check`)
    passes through.
    """
    if not chain:
        raise NotConfiguredError(
            f"No model can answer {request.purpose!r}: no provider has a key. Set one of GROQ_API_KEY, "
            "OPENAI_API_KEY, MISTRAL_API_KEY, ANTHROPIC_API_KEY, or allow the extractive provider.",
            what="a language model provider",
        )
    attempts: list[Attempt[T]] = []
    for choice in chain:
        attempt = await _take_turn(request, choice, ask)
        attempts.append(attempt)
        if attempt.output is not None:
            return _reply(attempts, attempt.output)
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


async def _take_turn(request: ModelRequest[T], choice: ModelChoice, ask: Ask[T]) -> Attempt[T]:
    attempt: Attempt[T] = Attempt(choice)
    started = time.monotonic()
    outcome = await ask(request, attempt)
    attempt.seconds = time.monotonic() - started
    if isinstance(outcome, MillraceError):
        attempt.error = outcome
    else:
        attempt.output = outcome
    return attempt


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
