"""Pipelines and prompts: what is in force and where each value comes from, editing, versions and what changed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.configuration import ConfigurationDesk, PromptChanges
from gateway.dependencies import Parts
from gateway.pages.rendering import page
from spine.contracts.pipelines import Prompt
from spine.documents import MAX_PAGE
from spine.pipeline_shelf import pipeline_from
from spine.prompts import prompt_from
from spine.settings import FALLBACK_ORDER

router = APIRouter(include_in_schema=False)
PROVIDERS = (*FALLBACK_ORDER, "extractive")
_REVISIONS = 20


@router.get("/configuration")
async def configuration(request: Request, parts: Parts) -> Response:
    desk = parts.configuration
    pipelines, active = await asyncio.gather(
        desk.pipelines.page(limit=MAX_PAGE, cursor=None),
        desk.prompts.page(purpose=None, active=True, limit=MAX_PAGE, cursor=None),
    )
    return page(
        request,
        "configuration.html",
        pipelines=[pipeline_from(document) for document in pipelines.items],
        prompts=[prompt_from(document) for document in active.items],
    )


@router.get("/configuration/pipelines/{slug}")
async def pipeline(slug: str, request: Request, parts: Parts) -> Response:
    stored = await parts.configuration.pipelines.get(slug)
    resolved, revisions, credentials = await asyncio.gather(
        parts.context.resolve_steps(stored),
        parts.configuration.pipeline_revisions(slug, limit=_REVISIONS, cursor=None),
        parts.context.saved_credentials(),
    )
    return page(
        request,
        "pipeline.html",
        pipeline=stored,
        whole=stored.model_dump(mode="json"),
        resolved={step.step_id: step for step in resolved},
        revisions=revisions.items,
        credentials=sorted(credentials or {}),
        providers=PROVIDERS,
    )


@router.get("/configuration/prompts/{prompt_id}")
async def prompt(
    prompt_id: str,
    request: Request,
    parts: Parts,
    version: Annotated[int | None, Query(ge=1, le=2**31)] = None,
    older: Annotated[int | None, Query(alias="from", ge=1, le=2**31)] = None,
    newer: Annotated[int | None, Query(alias="to", ge=1, le=2**31)] = None,
) -> Response:
    versions = await _versions(parts.configuration, prompt_id)
    shown = await _shown(parts.configuration, prompt_id, version) or versions[0]
    compared = await _compared(parts.configuration, prompt_id, older, newer)
    return page(request, "prompt.html", prompt=shown, versions=versions, compared=compared, providers=PROVIDERS)


async def _versions(desk: ConfigurationDesk, prompt_id: str) -> list[Prompt]:
    """The newest ones, newest first. `NotFoundError` for a prompt that there is not."""
    first = await desk.prompts.get(prompt_id, 1)
    found = await desk.prompts.page(purpose=first.purpose, active=None, limit=MAX_PAGE, cursor=None)
    return [one for one in map(prompt_from, found.items) if one.prompt_id == prompt_id]


async def _shown(desk: ConfigurationDesk, prompt_id: str, version: int | None) -> Prompt | None:
    """The version that was asked for, else the one in use."""
    asked = await desk.prompts.named(f"{prompt_id}:{version}") if version else None
    return asked or await desk.prompts.named(prompt_id)


async def _compared(
    desk: ConfigurationDesk, prompt_id: str, older: int | None, newer: int | None
) -> PromptChanges | None:
    return await desk.prompt_changes(prompt_id, older, newer) if older and newer else None
