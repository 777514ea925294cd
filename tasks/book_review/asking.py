"""Asking a model inside a stage: the request along its chain, the answer with its provenance and its account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spine.contracts.answers import StageAnswer
from spine.contracts.pipelines import Prompt
from spine.contracts.usage import UsageAccount
from spine.errors import NotConfiguredError
from spine.model_chain import noting_attempts
from spine.ports import ModelChoice, ModelRequest, T
from spine.services import current_services
from spine.usage import record_usage
from tasks.book_review.prompts import render


@dataclass(frozen=True, slots=True)
class Asking:
    """What a step needs to know to ask its model. Data only: it travels as a task argument."""

    prompt: Prompt | None
    chain: tuple[ModelChoice, ...]
    made_in: str
    account: UsageAccount
    delay_seconds: float = 0.0


async def ask(
    asking: Asking,
    values: Mapping[str, str],
    output_type: type[T],
    extractive: Callable[[], T],
    check: Callable[[T], str | None] | None = None,
) -> StageAnswer:
    """The chain's first valid answer. What was spent is recorded however it ends.

    Raises what `spine.ports.Models.answer` raises, and `BudgetExceededError` before a call that may cost more than the
    surrounding purse has left.
    """
    if asking.prompt is None:
        raise NotConfiguredError(
            "This step asks a model and has no prompt; give it one in the pipeline.", what="prompt"
        )
    request = ModelRequest(
        purpose=asking.prompt.purpose,
        system=asking.prompt.system,
        prompt=render(asking.prompt, values),
        output_type=output_type,
        extractive=extractive,
        check=check,
    )
    services = current_services()
    with noting_attempts() as attempts:
        try:
            reply = await services.models.answer(request, asking.chain)
        finally:
            await record_usage(services.documents, asking.account, request.purpose, attempts)
    return StageAnswer(
        output=reply.output.model_dump(mode="json"),
        provider=reply.provider,
        model_id=reply.model_id,
        usage=reply.usage,
        seconds=reply.seconds,
        attempts=reply.attempts,
        fallback_reason=reply.fallback_reason,
        made_in=asking.made_in,
    )
