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
from spine.documents import PIPELINE_CONFIGS, PROMPTS
from spine.errors import InvalidInputError, NotFoundError
from spine.ports import Document, Documents, ModelChoice
from tasks.book_review.prompts import DEFAULT_PROMPTS
from tasks.book_review.template import SLUG, TEMPLATE

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
    stored = await documents.get(PIPELINE_CONFIGS, slug)
    if stored is not None:
        return pipeline_from(stored)
    if slug == SLUG:
        return TEMPLATE
    raise NotFoundError(f"There is no pipeline {slug!r}; `GET /pipelines` lists them.")


async def load_prompt(documents: Documents, step: StepConfig, overrides: dict[str, Any]) -> Prompt | None:
    """The step's own prompt, else the active one of its purpose; a rerun may name a version or bring its text."""
    purpose = step.default_prompt_purpose
    if step.prompt_id is None and purpose is None:
        return None
    where: dict[str, Any] = {"prompt_id": step.prompt_id} if step.prompt_id else {"purpose": purpose}
    version = overrides.get("prompt_version")
    where |= {"version": version} if version is not None else ({} if step.prompt_id else {"active": True})
    found = await documents.find(PROMPTS, where, sort=[("version", -1)], limit=1)
    prompt = prompt_from(found[0]) if found else _default_prompt(purpose, step.prompt_id, version)
    text = overrides.get("prompt")
    return prompt.model_copy(update={"template": str(text)}) if text else prompt


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


async def resolved_steps(documents: Documents, pipeline: PipelineConfig) -> list[ResolvedStep]:
    """Every step of the pipeline as the next run would ask its model, each value with its origin."""
    prompts = [await load_prompt(documents, step, {}) for step in pipeline.steps]
    return [resolve_step(step, prompt, None) for step, prompt in zip(pipeline.steps, prompts, strict=True)]


def pipeline_from(document: Document) -> PipelineConfig:
    fields = {name: value for name, value in document.items() if name != "_id"}
    return PipelineConfig(**fields)


def pipeline_document(pipeline: PipelineConfig) -> Document:
    return {"_id": pipeline.slug, **pipeline.model_dump(mode="json")}


def prompt_from(document: Document) -> Prompt:
    fields = {name: value for name, value in document.items() if name != "_id"}
    return Prompt(**fields)


def prompt_document(prompt: Prompt) -> Document:
    return {"_id": f"{prompt.prompt_id}:{prompt.version}", **prompt.model_dump(mode="json")}


async def seed(documents: Documents) -> list[str]:
    """Store the template and the default prompts where nothing is stored yet; says what was added."""
    added: list[str] = []
    if await documents.get(PIPELINE_CONFIGS, SLUG) is None:
        await documents.upsert(PIPELINE_CONFIGS, pipeline_document(TEMPLATE))
        added.append(f"pipeline {SLUG} v{TEMPLATE.version}")
    for prompt in DEFAULT_PROMPTS:
        if await documents.count(PROMPTS, {"purpose": prompt.purpose}) == 0:
            await documents.upsert(PROMPTS, prompt_document(prompt))
            added.append(f"prompt {prompt.purpose} v{prompt.version}")
    return added
