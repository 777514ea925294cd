"""One provider's turn at a request: its calls, its re-asks, at most one wait, and what it spent.

Ask, read the answer liberally, re-ask with what was wrong; where tools are refused, ask without them for the rest
of the turn. The time limit of a choice holds for each call by itself; a wait for `Retry-After` comes on top.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Generic

from spine.adapters.model_answers import Reading, ToolCall, read_answer
from spine.adapters.model_errors import error_from_exception, redact
from spine.adapters.model_prices import price_usd
from spine.adapters.model_wire import ModelWire, Question, WireReply
from spine.adapters.redaction import cleared, without_secrets
from spine.errors import ContentFilteredError, InvalidModelOutputError, MillraceError, RateLimitError
from spine.model_chain import Attempt, texts_of
from spine.ports import ModelChoice, ModelRequest, T
from spine.provider_keys import ProviderCredential


@dataclass(slots=True)
class Turn(Generic[T]):
    """Lives for one turn; calls, tokens, re-asks and cost are noted on `attempt`."""

    request: ModelRequest[T]
    attempt: Attempt[T]
    credential: ProviderCredential
    wire: ModelWire
    longest_wait: float
    waited: bool = False

    async def take(self) -> T | MillraceError:
        """The valid answer, or why this provider gave none."""
        question = Question(self.request.system, self.request.prompt, self.request.output_type)
        for reasks in range(self.request.max_reasks + 1):
            self.attempt.reasks = reasks
            question, reply = await self._send(question)
            if isinstance(reply, MillraceError):
                return reply
            reading = self._read(reply)
            if reading.output is not None:
                return reading.output
            if reply.finish_reason == "content_filter":
                return ContentFilteredError(f"{self._choice.provider} refused to answer", service=self._choice.provider)
            question = replace(question, previous=reply.as_said, problem=reading.problem)
        return InvalidModelOutputError(self._safe(self._still_invalid(question.problem)))

    @property
    def _choice(self) -> ModelChoice:
        return self.attempt.choice

    def _read(self, reply: WireReply) -> Reading[T]:
        """The answer when it is valid and stands the request's own check."""
        reading = read_answer(reply.text, reply.tool_calls, self.request.output_type)
        if reply.finish_reason == "length" and (reading.output is None or reading.from_prose):
            return Reading(problem=f"it was cut off after {self._choice.max_tokens} tokens, so it has to be shorter")
        if reading.output is None or self.request.check is None:
            return reading
        objection = self.request.check(reading.output)
        return Reading(problem=objection) if objection else reading

    async def _send(self, question: Question) -> tuple[Question, WireReply | MillraceError]:
        """The reply, and the question in the form in which it was taken."""
        reply = await self._call(question)
        if question.with_tools and getattr(reply, "refuses_tools", False):
            question = replace(question, with_tools=False)
            reply = await self._call(question)
        if (wait := self._patience(reply)) is not None:
            self.waited = True
            await asyncio.sleep(wait)
            reply = await self._call(question)
        return question, reply

    def _patience(self, reply: WireReply | MillraceError) -> float | None:
        """Seconds to wait before the same provider is asked again; None: it is not worth waiting."""
        if self.waited or not isinstance(reply, RateLimitError) or reply.retry_after is None:
            return None
        return reply.retry_after if reply.retry_after <= self.longest_wait else None

    async def _call(self, question: Question) -> WireReply | MillraceError:
        """Calls that brought no answer are not billed."""
        async with self.attempt.call([*texts_of(self.request), question.previous, question.problem]):
            try:
                reply = await self.wire.send(question, self._choice, self.credential)
            except Exception as error:  # every SDK has its own tree; none of it may leave
                return error_from_exception(
                    self._choice.provider, error, timeout_seconds=self._choice.timeout_seconds, secrets=self._secrets
                )
            self.attempt.answered(reply.input_tokens, reply.output_tokens, self._price(reply))
            return self.attempt.too_long(reply.as_said) or self._without_key(reply)

    def _without_key(self, reply: WireReply) -> WireReply:
        """A server that echoes what it was sent must not put the key into an article."""
        calls = tuple(ToolCall(call.name, cleared(call.arguments, self._secrets)) for call in reply.tool_calls)
        return replace(reply, text=without_secrets(reply.text, self._secrets), tool_calls=calls)

    def _price(self, reply: WireReply) -> float | None:
        choice, address = self._choice, self.credential.base_url
        return price_usd(choice.provider, choice.model_id, reply.input_tokens, reply.output_tokens, address)

    def _still_invalid(self, problem: str) -> str:
        asked = self.attempt.reasks + 1
        return f"{self._choice.provider}: still invalid after {asked} answers: {problem}"

    def _safe(self, text: str) -> str:
        return redact(text, self._secrets)

    @property
    def _secrets(self) -> tuple[str, ...]:
        return (self.credential.api_key.get_secret_value(),)
