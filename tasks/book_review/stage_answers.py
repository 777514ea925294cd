"""What a stage asks its models with, and what it learns from their answers."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from spine.ai_config import chain_note
from spine.contracts.answers import StageAnswer
from tasks.book_review.asking import Asking
from tasks.book_review.review import Stage

T = TypeVar("T", bound=BaseModel)


def asking(stage: Stage, longest_answer: int = 0) -> Asking:
    """The stage's prompt and providers; where nobody set a limit, with room for `longest_answer` tokens."""
    return Asking(
        prompt=stage.settings.prompt,
        chain=stage.chain_for(longest_answer),
        made_in=stage.made_in,
        account=stage.account,
        delay_seconds=stage.delay_seconds,
    )


def learned(stage: Stage, answer: StageAnswer, kind: type[T]) -> T:
    """The answer's value; its provenance goes into the stage's record, its cost only when it was asked just now."""
    record = stage.record
    record.provider, record.model = answer.provider, answer.model_id
    record.fallback_reason = chain_note(stage.settings.resolved, answer.provider, answer.fallback_reason)
    record.attempts = [*record.attempts, *answer.attempts]
    record.cached = answer.made_in != stage.made_in
    if not record.cached:
        record.usage = record.usage + answer.usage
    return answer.read(kind)
