"""Pipelines and prompts: reading them, and storing edits as new versions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter

from gateway.configuration import PipelineEdit, PromptEdit, explain_pipeline, pipeline_from, prompt_from
from gateway.dependencies import AdminOnly, Context, IfMatch, Parts
from gateway.listing import Cursor, Limit, Listing, given, listing
from gateway.problems import ProblemError
from spine.ai_config import explain
from spine.contracts.pipelines import PipelineConfig, Prompt
from spine.documents import PIPELINE_CONFIGS, PROMPTS, page_of

router = APIRouter(tags=["configuration"])
Slug = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$", examples=["book-review"])]


@router.get("/pipelines", summary="List pipelines")
async def list_pipelines(context: Context, limit: Limit = 50, cursor: Cursor = None) -> Listing[PipelineConfig]:
    page = await page_of(context.documents, PIPELINE_CONFIGS, sort=[("_id", 1)], limit=limit, cursor=cursor)
    return listing(page, pipeline_from)


@router.get("/pipelines/{slug}", summary="One pipeline, its model settings resolved on request")
async def get_pipeline(
    slug: Slug,
    parts: Parts,
    response: Response,
    resolve: Annotated[bool, Query(description="give each step's model settings as `{value, origin}`")] = False,
) -> dict[str, Any]:
    pipeline = await parts.configuration.pipeline(slug)
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
    if if_match is not None and (current := await parts.configuration.pipeline(slug)).revision != if_match:
        detail = f"The pipeline is at revision {current.revision}, not {if_match}; read it again before you edit."
        raise ProblemError(412, "revision_mismatch", detail, revision=current.revision)
    guarded = edit.model_copy(update={"revision": if_match}) if if_match is not None else edit
    saved = await parts.configuration.save_pipeline(slug, guarded)
    response.headers["ETag"] = f'"{saved.revision}"'
    return saved


@router.get("/prompts", summary="List prompts, by purpose and version")
async def list_prompts(
    context: Context,
    purpose: Annotated[str | None, Query(max_length=100)] = None,
    active: Annotated[bool | None, Query(description="only the versions in use, or only the others")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Prompt]:
    order = [("purpose", 1), ("version", -1)]
    where = given(purpose=purpose, active=active)
    return listing(
        await page_of(context.documents, PROMPTS, where, sort=order, limit=limit, cursor=cursor), prompt_from
    )


@router.post("/prompts", status_code=201, summary="Store the next version of a prompt", dependencies=[AdminOnly])
async def add_prompt(edit: PromptEdit, parts: Parts) -> Prompt:
    """Versions count up by purpose and never change; an active one is used by runs that begin from now on."""
    return await parts.configuration.add_prompt(edit)
