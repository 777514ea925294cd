"""Pipelines and prompts as an operator edits them: which edits are sound, and how a new version is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spine.contracts.pipelines import AiSettings, PipelineConfig, Prompt, StepConfig
from spine.contracts.submissions import SubmitRequest
from spine.contracts.timestamps import utc_now
from spine.documents import PIPELINE_CONFIGS, PROMPTS
from spine.errors import ConflictError, DuplicateError, InvalidInputError, NotFoundError
from spine.ports import Document, Documents

TEMPLATE_SLUG: str = SubmitRequest.model_fields["pipeline_id"].default
"""The pipeline that a submission runs when it names none; a new pipeline starts from its steps."""


class PipelineEdit(BaseModel):
    """The body of `PUT /pipelines/{slug}`: the whole configuration, as `GET` gave it and with your edits."""

    model_config = ConfigDict(extra="forbid")

    slug: str | None = Field(default=None, description="the path decides")
    revision: int | None = Field(default=None, description="the revision you have read; a newer one refuses the edit")
    updated: str | None = Field(default=None, description="set by the server")

    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=50)
    steps: list[StepConfig] = Field(min_length=1, max_length=50)
    allow_extractive: bool = True
    budget_tokens: int | None = Field(default=None, ge=1)
    budget_usd: float | None = Field(default=None, gt=0)


class PromptEdit(AiSettings):
    """The body of `POST /prompts`: the next version of a purpose's prompt."""

    purpose: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,79}$", examples=["article"])
    name: str = Field(default="", max_length=200)
    system: str = Field(default="", max_length=50_000)
    template: str = Field(min_length=1, max_length=200_000, description="text with {placeholders} of the purpose")
    active: bool = Field(default=True, description="whether runs use it from now on")


def check_steps(edit: list[StepConfig], reference: list[StepConfig]) -> None:
    """The code behind a pipeline knows its steps: an edit changes how they work, not which there are.

    Raises `InvalidInputError` that names the step.
    """
    expected, given = [step.id for step in reference], [step.id for step in edit]
    if given != expected:
        raise InvalidInputError(f"The steps must be {', '.join(expected)}, in this order; given: {', '.join(given)}.")
    for step, before in zip(edit, reference, strict=True):
        if step.type != before.type or step.optional != before.optional:
            raise InvalidInputError(f"Step {step.id}: `type` and `optional` belong to the code and cannot be edited.")
        if not step.enabled and not step.optional:
            raise InvalidInputError(f"Step {step.id} cannot be switched off; only an optional step can.")


class ConfigurationDesk:
    """Reads and writes `pipeline_configs` and `prompts`. Holds nothing between calls."""

    def __init__(self, documents: Documents, check_prompt: Callable[[Prompt], None]) -> None:
        self._documents = documents
        self._check_prompt = check_prompt

    async def pipeline(self, slug: str) -> PipelineConfig:
        document = await self._documents.get(PIPELINE_CONFIGS, slug)
        if document is None:
            raise NotFoundError(f"There is no pipeline {slug!r}; `GET /pipelines` lists them.")
        return pipeline_from(document)

    async def save_pipeline(self, slug: str, edit: PipelineEdit) -> PipelineConfig:
        """The next revision of the pipeline; a new slug starts at 1 with the steps of the template.

        `ConflictError` when somebody else saved it since the revision that was read, or in this moment.
        """
        stored = await self._documents.get(PIPELINE_CONFIGS, slug)
        current = pipeline_from(stored) if stored else None
        if current and edit.revision not in (None, current.revision):
            raise ConflictError(f"The pipeline is at revision {current.revision}, not {edit.revision}; read it again.")
        check_steps(edit.steps, (current or await self.pipeline(TEMPLATE_SLUG)).steps)
        saved = PipelineConfig.model_validate(
            {**_fields(edit), "slug": slug, "revision": current.revision + 1 if current else 1, "updated": utc_now()}
        )
        await self._replace(saved, current)
        return saved

    async def _replace(self, saved: PipelineConfig, current: PipelineConfig | None) -> None:
        fields = saved.model_dump(mode="json")
        if current is None:
            try:
                await self._documents.insert(PIPELINE_CONFIGS, {"_id": saved.slug, **fields})
            except DuplicateError as error:
                raise ConflictError("Somebody else has just made this pipeline; read it again.") from error
            return
        unchanged = {"_id": saved.slug, "revision": current.revision}
        if await self._documents.update(PIPELINE_CONFIGS, unchanged, set=fields) is None:
            raise ConflictError("Somebody else has just saved this pipeline; read it again before you edit.")

    async def add_prompt(self, edit: PromptEdit) -> Prompt:
        """Store the prompt as the next version of its purpose and, when it is active, retire the others."""
        while True:
            newest = await self._documents.find(PROMPTS, {"purpose": edit.purpose}, sort=[("version", -1)], limit=1)
            prompt = Prompt(
                prompt_id=newest[0]["prompt_id"] if newest else edit.purpose,
                version=newest[0]["version"] + 1 if newest else 1,
                **_fields(edit),
            )
            self._check_prompt(prompt)
            try:
                await self._documents.insert(PROMPTS, prompt_document(prompt))
            except DuplicateError:
                continue  # somebody else took this version
            if prompt.active:
                await self._retire_others(prompt)
            return prompt

    async def _retire_others(self, prompt: Prompt) -> None:
        others = {"purpose": prompt.purpose, "active": True, "version": {"$lt": prompt.version}}
        while await self._documents.update(PROMPTS, others, set={"active": False}) is not None:
            pass


def _fields(edit: BaseModel) -> dict[str, Any]:
    return {name: getattr(edit, name) for name in type(edit).model_fields}


def pipeline_from(document: Document) -> PipelineConfig:
    return PipelineConfig(**{name: value for name, value in document.items() if name != "_id"})


def prompt_from(document: Document) -> Prompt:
    return Prompt(**{name: value for name, value in document.items() if name != "_id"})


def prompt_document(prompt: Prompt) -> Document:
    return {"_id": f"{prompt.prompt_id}:{prompt.version}", **prompt.model_dump(mode="json")}


def explain_pipeline(pipeline: PipelineConfig, resolved: list[dict[str, Any]]) -> dict[str, Any]:
    """The pipeline with every step's model settings as `{value, origin}` (`resolved` is in the steps' order)."""
    shown = pipeline.model_dump(mode="json")
    shown["steps"] = [{**step, **values} for step, values in zip(shown["steps"], resolved, strict=True)]
    return shown
