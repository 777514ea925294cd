"""How each kind of answer asks its model: the stored pipeline and prompts; what was never stored is the template."""

from __future__ import annotations

from spine.contracts.pipelines import PipelineConfig, Prompt, StepConfig
from spine.errors import InvalidInputError, NotFoundError
from spine.pipeline_shelf import PipelineShelf
from spine.ports import Documents
from spine.prompts import PromptShelf
from spine.services import Services
from tasks.book_review.configuration import StageSettings, credential_of, settle_stage
from tasks.conversation.prompts import DEFAULT_PROMPTS
from tasks.conversation.template import SLUG, TEMPLATE


async def load_pipeline(documents: Documents, slug: str) -> PipelineConfig:
    """The pipeline that an account names. `NotFoundError` for one that is not there or is not for conversations."""
    stored = await PipelineShelf(documents).find(slug)
    if stored is None and slug != SLUG:
        raise NotFoundError(f"There is no pipeline {slug!r}; `GET /pipelines` lists them.")
    pipeline = stored or TEMPLATE
    missing = {step.id for step in TEMPLATE.steps} - {step.id for step in pipeline.steps}
    if missing:
        raise NotFoundError(
            f"The pipeline {slug!r} is not one for conversations: it has no {', '.join(sorted(missing))}."
        )
    return pipeline


async def settled_step(services: Services, pipeline: PipelineConfig, step_id: str) -> StageSettings:
    """The step with its prompt and the chain of providers that are asked now."""
    step = pipeline.step(step_id)
    return settle_stage(
        step,
        await _prompt(services.documents, step),
        credential_of(step, services.named_credentials),
        {},
        services.models.available(),
        pipeline.allow_extractive,
    )


async def seed(documents: Documents) -> list[str]:
    """Store the template and the default prompts where nothing is stored yet; says what was added."""
    added = [f"pipeline {SLUG} v{TEMPLATE.version}"] if await PipelineShelf(documents).seed(TEMPLATE) else []
    return [*added, *await PromptShelf(documents).seed_all(DEFAULT_PROMPTS)]


async def _prompt(documents: Documents, step: StepConfig) -> Prompt:
    """The step's own prompt, else the one in use for its purpose."""
    shelf, purpose = PromptShelf(documents), step.default_prompt_purpose or ""
    stored = await (shelf.named(step.prompt_id) if step.prompt_id else shelf.active(purpose))
    if stored is not None:
        return stored
    for default in DEFAULT_PROMPTS:
        if default.prompt_id == step.prompt_id or (step.prompt_id is None and default.purpose == purpose):
            return default
    raise InvalidInputError(f"There is no prompt {step.prompt_id or purpose!r}; `GET /prompts` lists them.")
