"""Which edits of a pipeline are sound. Everything here is pure: what is stored elsewhere is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spine.ai_config import DEFAULT_MODELS
from spine.contracts.pipelines import AiSettings, StepConfig, StepType
from spine.field_errors import FieldError

PROVIDERS = tuple(DEFAULT_MODELS)
"""Every provider that a step, a prompt or a rerun may name."""

_ASKS_A_MODEL = frozenset({StepType.LLM, StepType.SCRAPING_LLM, StepType.SEARCH_LLM})
_MODEL_FIELDS = (*AiSettings.model_fields, "prompt_id", "credential_id", "default_credential_name")
_CREDENTIAL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_LONGEST_MODEL_ID = 200


@dataclass(frozen=True, slots=True)
class KnownParts:
    """What an edit may refer to. `credentials` is None where the saved ones cannot be seen: then names are trusted."""

    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    """`prompt_id` → its purpose; `id:version` likewise."""
    credentials: Mapping[str, str | None] | None = None
    """Name → its provider."""


def step_errors(edit: Sequence[StepConfig], reference: Sequence[StepConfig], known: KnownParts) -> list[FieldError]:
    """What is wrong with edited steps; `reference` has the steps as the code behind the pipeline knows them.

    An edit changes how the steps work, not which there are.
    """
    expected, given = [step.id for step in reference], [step.id for step in edit]
    if given != expected:
        told = f"The steps must be {', '.join(expected)}, in this order; given: {', '.join(given)}"
        return [FieldError("steps", told)]
    return [
        FieldError(f"steps.{place}.{error.field}", f"step {step.id}: {error.message}")
        for place, (step, before) in enumerate(zip(edit, reference, strict=True))
        for error in _of_step(step, before, known)
    ]


def model_errors(provider: str | None = None, model_id: str | None = None) -> Iterator[FieldError]:
    """What is wrong with the model that a step, a prompt or a rerun names."""
    if provider is not None and provider not in PROVIDERS:
        yield FieldError("provider", f"must be one of {', '.join(PROVIDERS)}")
    if model_id is not None and not 0 < len(model_id.strip()) <= _LONGEST_MODEL_ID:
        yield FieldError("model_id", f"must be the name of a model, 1 to {_LONGEST_MODEL_ID} characters")


def _of_step(step: StepConfig, before: StepConfig, known: KnownParts) -> Iterator[FieldError]:
    for name in ("type", "optional", "default_prompt_purpose"):
        if getattr(step, name) != getattr(before, name):
            yield FieldError(name, "`type`, `optional` and `default_prompt_purpose` belong to the code")
    if not step.enabled and not before.optional:
        yield FieldError("enabled", "must be true: it cannot be switched off, only an optional step can")
    if before.type not in _ASKS_A_MODEL:
        yield from _without_a_model(step)
        return
    yield from model_errors(step.provider, step.model_id)
    yield from _of_prompt(step, before, known)
    for name in ("credential_id", "default_credential_name"):
        yield from _of_credential(name, getattr(step, name), step.provider, known)


def _without_a_model(step: StepConfig) -> Iterator[FieldError]:
    for name in _MODEL_FIELDS:
        if getattr(step, name) is not None:
            yield FieldError(name, "must be null: this step asks no model")


def _of_prompt(step: StepConfig, before: StepConfig, known: KnownParts) -> Iterator[FieldError]:
    if step.prompt_id is None:
        return
    fitting = sorted(name for name, purpose in known.prompts.items() if purpose == before.default_prompt_purpose)
    if step.prompt_id not in fitting:
        told = ", ".join(fitting) or "none is stored"
        yield FieldError("prompt_id", f"must be a prompt for {before.default_prompt_purpose}: {told}")


def _of_credential(name: str, value: str | None, provider: str | None, known: KnownParts) -> Iterator[FieldError]:
    if value is None:
        return
    if not _CREDENTIAL_NAME.fullmatch(value):
        yield FieldError(name, "must be the name of a saved credential (small letters, digits, dashes), never a key")
        return
    if known.credentials is None:
        return
    fitting = sorted(one for one, whose in known.credentials.items() if provider in (None, whose))
    if value not in fitting:
        whose = f" for {provider}" if provider else ""
        yield FieldError(name, f"must be a saved credential{whose}: {', '.join(fitting) or 'none is saved'}")
