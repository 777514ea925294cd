"""The template `conversation` v1.0: which models answer, summarise and follow up; seeded at first, then edited."""

from __future__ import annotations

from spine.contracts.conversations import CONVERSATION
from spine.contracts.pipelines import PipelineConfig, StepConfig, StepType

SLUG = CONVERSATION

REPLY = "reply"
CONFIRMATION = "confirmation"
SUMMARY = "summary"
FOLLOWUP = "followup"

_MODEL = "llama-3.3-70b-versatile"


def _step(id: str, name: str, timeout_seconds: float) -> StepConfig:
    return StepConfig(
        id=id,
        name=name,
        type=StepType.LLM,
        provider="groq",
        model_id=_MODEL,
        timeout_seconds=timeout_seconds,
        default_prompt_purpose=f"conversation_{id}",
    )


TEMPLATE = PipelineConfig(
    slug=SLUG,
    name="Conversation",
    version="1.0",
    steps=[
        # Less than a message's 60 s, so that there is time for another provider.
        _step(REPLY, "Answer a message", 40),
        _step(CONFIRMATION, "Read an unclear answer to a proposed order", 15),
        _step(SUMMARY, "Summarise older turns", 90),
        _step(FOLLOWUP, "Write a follow-up", 40),
    ],
)
