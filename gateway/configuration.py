"""Pipelines and prompts as an operator edits them: the bodies of the calls, and how an edit is checked and stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.listing import Listing, listing
from spine.contracts.conversations import CONVERSATION
from spine.contracts.pipelines import AiSettings, PipelineConfig, Prompt, StepConfig
from spine.contracts.submissions import SubmitRequest
from spine.contracts.timestamps import utc_now
from spine.documents import MAX_PAGE
from spine.errors import ConflictError
from spine.field_errors import FieldError, refuse
from spine.pipeline_rules import KnownParts, model_errors, step_errors
from spine.pipeline_shelf import PipelineShelf, pipeline_from
from spine.ports import Documents
from spine.prompts import PromptShelf
from spine.text_changes import TextChanges, compare_texts

TEMPLATE_SLUG: str = SubmitRequest.model_fields["pipeline_id"].default
"""The pipeline that a submission runs when it names none; a new pipeline starts from its steps."""

SavedCredentials = Callable[[], Awaitable[Mapping[str, str | None] | None]]
"""Names of saved language-model credentials with their providers; None where they cannot be seen."""


class PipelineEdit(BaseModel):
    """The body of `PUT /pipelines/{slug}`: the whole configuration, as `GET` gave it and with your edits."""

    model_config = ConfigDict(extra="forbid")

    slug: str | None = Field(default=None, description="the path decides; an edit that says another is refused")
    revision: int | None = Field(default=None, description="the revision you have read; a newer one refuses the edit")
    updated: str | None = Field(default=None, description="set by the server")

    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=50)
    steps: list[StepConfig] = Field(min_length=1, max_length=50)
    allow_extractive: bool = Field(default=True, strict=True)
    budget_tokens: int | None = Field(default=None, strict=True, ge=1)
    budget_usd: float | None = Field(default=None, strict=True, gt=0)


class PromptEdit(AiSettings):
    """The body of `POST /prompts`: the next version of a purpose's prompt.

    What is left out is taken from the version in use of that purpose; an explicit empty value (`""`, null) empties it.
    `model_id` goes with its provider: it is taken over only while the provider stays.
    """

    purpose: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,79}$", examples=["article"])
    name: str = Field(default="", max_length=200, description="left out: that of the version in use")
    system: str = Field(default="", max_length=50_000, description="left out: that of the version in use")
    template: str = Field(min_length=1, max_length=200_000, description="text with {placeholders} of the purpose")
    active: bool = Field(default=True, description="whether runs use it from now on")

    @field_validator("template")
    @classmethod
    def _says_something(cls, template: str) -> str:
        if not template.strip():
            raise ValueError("is empty")
        return template

    @field_validator("provider", "model_id")
    @classmethod
    def _none_when_emptied(cls, given: str | None) -> str | None:
        return given or None


class SettingChange(BaseModel):
    """One setting in two versions."""

    before: Any = None
    after: Any = None


class PromptChanges(BaseModel):
    """How one version of a prompt became another."""

    prompt_id: str
    from_version: int
    to_version: int
    settings: dict[str, SettingChange] = Field(description="name and model settings that differ")
    system: TextChanges
    template: TextChanges


class ConfigurationDesk:
    """Checks and stores edits of pipelines and prompts. Holds nothing between calls."""

    def __init__(
        self, documents: Documents, check_prompt: Callable[[Prompt], None], saved_credentials: SavedCredentials
    ) -> None:
        self.pipelines = PipelineShelf(documents)
        self.prompts = PromptShelf(documents)
        self._check_prompt = check_prompt
        self._saved_credentials = saved_credentials

    # -- pipelines ---------------------------------------------------------------------------------------

    async def save_pipeline(self, slug: str, edit: PipelineEdit) -> PipelineConfig:
        """The next revision of the pipeline; a new slug starts at 1 with the steps of the template.

        `InvalidInputError` with every field that does not fit; `ConflictError` when somebody else saved the pipeline
        since the revision that was read, or in this moment.
        """
        current = await self.pipelines.find(slug)
        if current and edit.slug not in (None, slug):
            refuse([FieldError("slug", f"is {edit.slug}, but the path names {slug}; a pipeline keeps its slug")])
        if current and edit.revision not in (None, current.revision):
            raise ConflictError(f"The pipeline is at revision {current.revision}, not {edit.revision}; read it again.")
        reference = current or await self._template_of(edit)
        refuse(step_errors(edit.steps, reference.steps, await self._known(edit.steps)))
        saved = PipelineConfig.model_validate(
            {**_fields(edit), "slug": slug, "revision": current.revision + 1 if current else 1, "updated": utc_now()}
        )
        await self.pipelines.replace(saved, current)
        return saved

    async def _template_of(self, edit: PipelineEdit) -> PipelineConfig:
        """What a new pipeline is held against: the conversation's when it has its steps, else the book review's."""
        conversation = await self.pipelines.find(CONVERSATION)
        given = [step.id for step in edit.steps]
        if conversation is not None and given == [step.id for step in conversation.steps]:
            return conversation
        return await self.pipelines.get(TEMPLATE_SLUG)

    async def restore_pipeline(self, slug: str, revision: int) -> PipelineConfig:
        """An earlier revision put into force again, as the newest one. It is checked like any other edit: a prompt or a
        credential that it names may be gone."""
        current = await self.pipelines.get(slug)
        earlier = await self.pipelines.get(slug, revision)
        fields = earlier.model_dump(mode="json") | {"revision": current.revision}
        return await self.save_pipeline(slug, PipelineEdit.model_validate(fields))

    async def pipeline_revisions(self, slug: str, *, limit: int, cursor: str | None) -> Listing[PipelineConfig]:
        """The revision in force, beside the first `limit` of the earlier ones; then the other earlier ones."""
        current = await self.pipelines.get(slug)
        page = await self.pipelines.earlier(slug, below=current.revision, limit=limit, cursor=cursor)
        earlier = listing(page, pipeline_from)
        items = [current, *earlier.items] if cursor is None else earlier.items
        return Listing[PipelineConfig](items=items, total=earlier.total + 1, next=earlier.next)

    async def _known(self, steps: list[StepConfig]) -> KnownParts:
        named = any(step.credential_id or step.default_credential_name for step in steps)
        return KnownParts(
            prompts=await self._prompt_names(steps) if any(step.prompt_id for step in steps) else {},
            credentials=await self._saved_credentials() if named else None,
        )

    async def _prompt_names(self, steps: list[StepConfig]) -> dict[str, str]:
        """What a step may name: a prompt, or one version of it. Of very many a page, and what these steps do name."""
        page = await self.prompts.page(purpose=None, active=None, limit=MAX_PAGE, cursor=None)
        known = {name: item["purpose"] for item in page.items for name in (item["prompt_id"], item["_id"])}
        for name in {step.prompt_id for step in steps if step.prompt_id} - known.keys():
            if (prompt := await self.prompts.named(name)) is not None:
                known[name] = prompt.purpose
        return known

    # -- prompts -----------------------------------------------------------------------------------------

    async def add_prompt(self, edit: PromptEdit) -> Prompt:
        """Store the prompt as the next version of its purpose; in use at once when it is active."""
        prompt = Prompt(
            prompt_id=edit.purpose, **_fields(edit) | _left_out(edit, await self.prompts.active(edit.purpose))
        )
        self._check_prompt(prompt)
        refuse(list(model_errors(prompt.provider, prompt.model_id)))
        return await self.prompts.add(prompt)

    async def prompt_changes(self, prompt_id: str, older: int, newer: int) -> PromptChanges:
        before, after = await self.prompts.get(prompt_id, older), await self.prompts.get(prompt_id, newer)
        compared = ("name", *AiSettings.model_fields)
        changed = {name: (getattr(before, name), getattr(after, name)) for name in compared}
        return PromptChanges(
            prompt_id=prompt_id,
            from_version=older,
            to_version=newer,
            settings={name: SettingChange(before=b, after=a) for name, (b, a) in changed.items() if a != b},
            system=compare_texts(before.system, after.system, f"system v{older}", f"system v{newer}"),
            template=compare_texts(before.template, after.template, f"template v{older}", f"template v{newer}"),
        )


def _fields(edit: BaseModel) -> dict[str, Any]:
    return {name: getattr(edit, name) for name in type(edit).model_fields}


def _left_out(edit: PromptEdit, in_use: Prompt | None) -> dict[str, Any]:
    """What an edit does not speak of, as the version in use has it."""
    if in_use is None:
        return {}
    kept = {"name", "system", *AiSettings.model_fields} - edit.model_fields_set
    if "provider" in edit.model_fields_set and edit.provider != in_use.provider:
        kept.discard("model_id")  # a provider knows its own models only
    return {name: getattr(in_use, name) for name in kept}


def explain_pipeline(pipeline: PipelineConfig, resolved: list[dict[str, Any]]) -> dict[str, Any]:
    """The pipeline with every value of its steps as `{value, origin}` (`resolved` is in the steps' order)."""
    shown = pipeline.model_dump(mode="json")
    shown["steps"] = [
        {**_plain(step), **_own_values(step), **values, **_references(step, values)}
        for step, values in zip(pipeline.steps, resolved, strict=True)
    ]
    return shown


def _plain(step: StepConfig) -> dict[str, Any]:
    """What the code decides, as it is."""
    return step.model_dump(mode="json", include={"id", "type", "name", "optional", "default_prompt_purpose"})


def _own_values(step: StepConfig) -> dict[str, Any]:
    return {name: _valued(getattr(step, name), _origin(step, name)) for name in ("enabled", "delay_seconds")}


def _references(step: StepConfig, values: dict[str, Any]) -> dict[str, Any]:
    """Which prompt and credential a run would use, and whether the step itself chose them."""
    prompt, credential = _origin(step, "prompt_id"), _origin(step, "credential_id")
    pinned = "step" if ":" in (step.prompt_id or "") else "prompt"
    named = "step" if credential == "step" or step.default_credential_name else "default"
    return {
        "prompt_id": _valued(values["prompt_id"], prompt),
        "prompt_version": _valued(values["prompt_version"], pinned if values["prompt_version"] else "default"),
        "credential": _valued(values["credential"], named),
    }


def _origin(step: StepConfig, name: str) -> str:
    return "default" if getattr(step, name) == StepConfig.model_fields[name].default else "step"


def _valued(value: Any, origin: str) -> dict[str, Any]:
    return {"value": value, "origin": origin}
