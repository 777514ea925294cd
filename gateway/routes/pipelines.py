"""Pipelines and prompts: reading them, storing edits as new versions, and going back to an earlier one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from gateway.configuration import PipelineEdit, PromptChanges, PromptEdit, explain_pipeline
from gateway.dependencies import AdminOnly, IfMatch, Parts
from gateway.listing import Cursor, Limit, Listing, listing
from gateway.problems import ProblemError
from spine.ai_config import explain
from spine.contracts.pipelines import PipelineConfig, Prompt
from spine.pipeline_shelf import pipeline_from
from spine.prompts import prompt_from

router = APIRouter(tags=["configuration"])
Slug = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$", examples=["book-review"])]
PromptId = Annotated[str, PathParameter(max_length=100, examples=["book-review-article"])]


class Restore(BaseModel):
    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1, le=2**31, description="the revision to put into force again")


class Activation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31, description="the version that runs use from now on")


# -- pipelines -----------------------------------------------------------------------------------------------------


@router.get("/pipelines", summary="List pipelines")
async def list_pipelines(parts: Parts, limit: Limit = 50, cursor: Cursor = None) -> Listing[PipelineConfig]:
    return listing(await parts.configuration.pipelines.page(limit=limit, cursor=cursor), pipeline_from)


@router.get("/pipelines/{slug}", summary="One pipeline, its settings resolved on request")
async def get_pipeline(
    slug: Slug,
    parts: Parts,
    response: Response,
    resolve: Annotated[bool, Query(description="give each step's values as `{value, origin}`")] = False,
    revision: Annotated[int | None, Query(ge=1, le=2**31, description="an earlier revision")] = None,
) -> dict[str, Any]:
    pipeline = await parts.configuration.pipelines.get(slug, revision)
    response.headers["ETag"] = f'"{pipeline.revision}"'
    if not resolve:
        return pipeline.model_dump(mode="json")
    resolved = await parts.context.resolve_steps(pipeline)
    return explain_pipeline(pipeline, [explain(step) for step in resolved])


@router.put("/pipelines/{slug}", summary="Store an edited pipeline", dependencies=[AdminOnly])
async def put_pipeline(
    slug: Slug, edit: PipelineEdit, parts: Parts, if_match: IfMatch, response: Response
) -> PipelineConfig:
    """The next revision; runs that begin from now on use it. `If-Match` or `revision` in the body guard against
    overwriting somebody else's edit (412, 409)."""
    if if_match is not None and (current := await parts.configuration.pipelines.get(slug)).revision != if_match:
        detail = f"The pipeline is at revision {current.revision}, not {if_match}; read it again before you edit."
        raise ProblemError(412, "revision_mismatch", detail, revision=current.revision)
    guarded = edit.model_copy(update={"revision": if_match}) if if_match is not None else edit
    saved = await parts.configuration.save_pipeline(slug, guarded)
    response.headers["ETag"] = f'"{saved.revision}"'
    return saved


@router.get("/pipelines/{slug}/revisions", summary="Every revision of a pipeline, newest first")
async def list_pipeline_revisions(
    slug: Slug, parts: Parts, limit: Limit = 50, cursor: Cursor = None
) -> Listing[PipelineConfig]:
    """The first page begins with the revision in force, beside at most `limit` earlier ones."""
    return await parts.configuration.pipeline_revisions(slug, limit=limit, cursor=cursor)


@router.post("/pipelines/{slug}/restore", summary="Put an earlier revision into force", dependencies=[AdminOnly])
async def restore_pipeline(slug: Slug, restore: Restore, parts: Parts, response: Response) -> PipelineConfig:
    """Stored as the newest revision, so that this can be taken back in the same way."""
    saved = await parts.configuration.restore_pipeline(slug, restore.revision)
    response.headers["ETag"] = f'"{saved.revision}"'
    return saved


# -- prompts -------------------------------------------------------------------------------------------------------


@router.get("/prompts", summary="List prompts, by purpose and version")
async def list_prompts(
    parts: Parts,
    purpose: Annotated[str | None, Query(max_length=100)] = None,
    active: Annotated[bool | None, Query(description="only the versions in use, or only the others")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Prompt]:
    """Every version there ever was, newest first within its purpose; exactly one of a purpose is `active`."""
    page = await parts.configuration.prompts.page(purpose=purpose, active=active, limit=limit, cursor=cursor)
    return listing(page, prompt_from)


@router.post("/prompts", status_code=201, summary="Store the next version of a prompt", dependencies=[AdminOnly])
async def add_prompt(edit: PromptEdit, parts: Parts) -> Prompt:
    """Versions count up by purpose and never change; an active one is used by runs that begin from now on.

    Fields that are left out (`system`, `name`, model settings) come from the version in use of that purpose; an
    explicit empty value empties.
    """
    return await parts.configuration.add_prompt(edit)


@router.post("/prompts/{prompt_id}/activate", summary="Use this version from now on", dependencies=[AdminOnly])
async def activate_prompt(prompt_id: PromptId, activation: Activation, parts: Parts) -> Prompt:
    """Going back is activating an older version. Runs that have begun a stage finish it with the version they have."""
    return await parts.configuration.prompts.activate(prompt_id, activation.version)


@router.get("/prompts/{prompt_id}/diff", summary="What changed between two versions of a prompt")
async def compare_prompts(
    prompt_id: PromptId,
    parts: Parts,
    older: Annotated[int, Query(alias="from", ge=1, le=2**31)],
    newer: Annotated[int, Query(alias="to", ge=1, le=2**31)],
) -> PromptChanges:
    return await parts.configuration.prompt_changes(prompt_id, older, newer)
