"""Pipelines and prompts as data: versioned, edited while the stack runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spine.contracts.timestamps import Timestamp, utc_now
from spine.errors import NotConfiguredError


class StepType(StrEnum):
    SCRAPING = "scraping"
    SCRAPING_LLM = "scraping+llm"
    LLM = "llm"
    DATA_PROCESSING = "data-processing"
    SEARCH_LLM = "search+llm"
    WORDPRESS = "wordpress"


class AiSettings(BaseModel):
    """How a step asks its model. What is None is taken from the next level: prompt, credential, defaults.

    Numbers are strict: `true` would be a limit of one token.
    """

    model_config = ConfigDict(extra="forbid")

    provider: str | None = None
    model_id: str | None = None
    temperature: float | None = Field(default=None, strict=True, ge=0, le=2)
    max_tokens: int | None = Field(default=None, strict=True, ge=1, le=200_000)
    timeout_seconds: float | None = Field(default=None, strict=True, gt=0, le=1800)


class StepConfig(AiSettings):
    """One step of a pipeline."""

    id: str
    type: StepType
    name: str = ""
    enabled: bool = Field(default=True, strict=True)
    optional: bool = Field(default=False, description="only an optional step can be switched off")
    delay_seconds: float = Field(default=0, strict=True, ge=0, le=3600)
    prompt_id: str | None = None
    default_prompt_purpose: str | None = None
    credential_id: str | None = None
    default_credential_name: str | None = None


class PipelineConfig(BaseModel):
    """Stored in `pipeline_configs` under its slug."""

    slug: str
    name: str
    version: str
    steps: list[StepConfig]
    allow_extractive: bool = Field(default=True, description="may a run fall back on the provider that needs no model")
    budget_tokens: int | None = Field(default=None, ge=1, description="per submission")
    budget_usd: float | None = Field(default=None, gt=0, description="per submission")
    revision: int = 1
    updated: Timestamp = Field(default_factory=utc_now)

    def step(self, step_id: str) -> StepConfig:
        for step in self.steps:
            if step.id == step_id:
                return step
        raise NotConfiguredError(f"The pipeline {self.slug} has no step {step_id!r}.", what=step_id)


class Prompt(AiSettings):
    """One version of a prompt; stored in `prompts`. One version per purpose is active."""

    prompt_id: str
    purpose: str
    version: int = 1
    name: str = ""
    system: str = ""
    template: str = Field(description="plain text with {placeholders} of the purpose")
    active: bool = True
    created: Timestamp = Field(default_factory=utc_now)


class Credential(AiSettings):
    """What a language-model credential says about itself. Its key is never in here."""

    name: str


class Resolved(BaseModel):
    """A value and the level that gave it: step | prompt | credential | default | override."""

    value: Any
    origin: str


class ResolvedStep(BaseModel):
    """A step with every model setting resolved."""

    step_id: str
    provider: Resolved
    model_id: Resolved
    temperature: Resolved
    max_tokens: Resolved
    timeout_seconds: Resolved
    prompt_id: str | None = None
    prompt_version: int | None = None
    credential: str | None = None
