"""Asking a model inside a stage: the request along its chain, the answer with its provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spine.contracts.answers import StageAnswer
from spine.contracts.pipelines import Prompt
from spine.errors import NotConfiguredError
from spine.ports import ModelChoice, ModelRequest, T
from spine.services import current_services
from tasks.book_review.prompts import render


@dataclass(frozen=True, slots=True)
class Asking:
    """What a step needs to know to ask its model. Data only: it travels as a task argument."""

    prompt: Prompt | None
    chain: tuple[ModelChoice, ...]
    made_in: str
    delay_seconds: float = 0.0


async def ask(
    asking: Asking,
    values: Mapping[str, str],
    output_type: type[T],
    extractive: Callable[[], T],
    check: Callable[[T], str | None] | None = None,
) -> StageAnswer:
    """The chain's first valid answer. Raises what `spine.ports.Models.answer` raises."""
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
    reply = await current_services().models.answer(request, asking.chain)
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
