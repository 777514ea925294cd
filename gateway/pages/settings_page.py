"""Settings: access tokens, which credentials are saved (never what they are), how the stack is put together."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.dependencies import AdminOnly, Parts
from gateway.pages.rendering import page
from spine.access_tokens import AccessTokens, token_from
from spine.documents import MAX_PAGE

router = APIRouter(include_in_schema=False)
ROLES = ("viewer", "editor", "admin")


@router.get("/settings", dependencies=[AdminOnly])
async def settings(request: Request, parts: Parts) -> Response:
    tokens, credentials, gap, health = await asyncio.gather(
        AccessTokens(parts.context.documents).page(limit=MAX_PAGE, cursor=None),
        parts.context.saved_credentials(),
        parts.context.publishing_gap(),
        parts.health.report(parts.hub.watchers),
    )
    return page(
        request,
        "settings.html",
        tokens=[token_from(document) for document in tokens.items],
        credentials=credentials,
        publishing_gap=gap,
        health=health,
        roles=ROLES,
    )
