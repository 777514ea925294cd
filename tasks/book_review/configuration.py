"""Reading the stored pipeline and its prompts; what was never stored comes from the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spine.ai_config import fallback_chain, resolve_step
from spine.contracts.pipelines import (
    AiSettings,
    Credential,
    PipelineConfig,
    Prompt,
    ResolvedStep,
    StepConfig,
)
from spine.errors import InvalidInputError, NotFoundError
from spine.pipeline_shelf import PipelineShelf, pipeline_document, pipeline_from
from spine.ports import Documents, ModelChoice
from spine.prompts import PromptShelf
from spine.provider_keys import NamedCredentials, no_named_credentials
from tasks.book_review.prompts import DEFAULT_PROMPTS
from tasks.book_review.template import SLUG, TEMPLATE

__all__ = [
    "StageSettings",
    "credential_of",
    "load_pipeline",
    "load_prompt",
    "pipeline_document",
    "pipeline_from",
    "resolved_steps",
    "seed",
    "settle_stage",
]

_AI_FIELDS = frozenset(AiSettings.model_fields)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How one stage asks its model in this run: the resolved step, its prompt and the chain of providers."""

    step: StepConfig
    resolved: ResolvedStep
    prompt: Prompt | None
    chain: tuple[ModelChoice, ...]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What of it belongs in the stage's cache key."""
        head = self.chain[0] if self.chain else None
        return {
            "prompt": [self.prompt.prompt_id, self.prompt.version, self.prompt.template, self.prompt.system]
            if self.prompt
            else None,
            "model": [head.provider, head.model_id, head.temperature, head.max_tokens] if head else None,
        }


async def load_pipeline(documents: Documents, slug: str) -> PipelineConfig:
    stored = await PipelineShelf(documents).find(slug)
    if stored is not None:
        return stored
    if slug == SLUG:
        return TEMPLATE
    raise NotFoundError(f"There is no pipeline {slug!r}; `GET /pipelines` lists them.")


async def load_prompt(documents: Documents, step: StepConfig, overrides: dict[str, Any]) -> Prompt | None:
    """The step's own prompt, else the active one of its purpose; a rerun may name a version or bring its text."""
    if step.prompt_id is None and step.default_prompt_purpose is None:
        return None
    version = overrides.get("prompt_version")
    stored = await _stored_prompt(PromptShelf(documents), step, version)
    prompt = stored or _default_prompt(step.default_prompt_purpose, step.prompt_id, version)
    text = overrides.get("prompt")
    return prompt.model_copy(update={"template": str(text)}) if text else prompt


async def _stored_prompt(shelf: PromptShelf, step: StepConfig, version: int | None) -> Prompt | None:
    purpose = step.default_prompt_purpose
    if version is not None and purpose is not None:
        return await shelf.version(purpose, version)
    if step.prompt_id is not None:
        return await shelf.named(step.prompt_id)
    return await shelf.active(purpose) if purpose else None


def _default_prompt(purpose: str | None, prompt_id: str | None, version: int | None) -> Prompt:
    for prompt in DEFAULT_PROMPTS:
        matches = prompt.prompt_id == prompt_id if prompt_id else prompt.purpose == purpose
        if matches and version in (None, prompt.version):
            return prompt
    named = f"version {version} of " if version is not None else ""
    raise InvalidInputError(f"There is no {named}prompt {prompt_id or purpose!r}; `GET /prompts` lists them.")


def settle_stage(
    step: StepConfig,
    prompt: Prompt | None,
    credential: Credential | None,
    overrides: dict[str, Any],
    available: list[str],
    allow_extractive: bool,
) -> StageSettings:
    """Decide how the stage asks its model. Pure: what is available is given."""
    ai_overrides = AiSettings(**{name: value for name, value in overrides.items() if name in _AI_FIELDS})
    resolved = resolve_step(step, prompt, credential, ai_overrides)
    chain = tuple(fallback_chain(resolved, available, allow_extractive))
    return StageSettings(step, resolved, prompt, chain)


def credential_of(step: StepConfig, named: NamedCredentials) -> Credential | None:
    """The saved credential that the step asks for.

    `credential_id` insists: one that is not saved stays in the chain, fails there, and the record says so.
    `default_credential_name` is used where it is saved.
    """
    if step.credential_id:
        return named(step.credential_id) or Credential(name=step.credential_id)
    return named(step.default_credential_name) if step.default_credential_name else None


async def resolved_steps(
    documents: Documents, pipeline: PipelineConfig, named: NamedCredentials = no_named_credentials
) -> list[ResolvedStep]:
    """Every step of the pipeline as the next run would ask its model, each value with its origin."""
    prompts = [await load_prompt(documents, step, {}) for step in pipeline.steps]
    return [
        resolve_step(step, prompt, credential_of(step, named))
        for step, prompt in zip(pipeline.steps, prompts, strict=True)
    ]


async def seed(documents: Documents) -> list[str]:
    """Store the template and the default prompts where nothing is stored yet; says what was added."""
    added = [f"pipeline {SLUG} v{TEMPLATE.version}"] if await PipelineShelf(documents).seed(TEMPLATE) else []
    return [*added, *await PromptShelf(documents).seed_all(DEFAULT_PROMPTS)]
