"""The queues: what waits and runs in each, and the dead letters with their way back to work."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.dependencies import Caller, Context
from gateway.identity import Role
from gateway.listing import NEWEST_FIRST, Cursor
from gateway.pages.rendering import page
from gateway.queue_figures import queue_figures
from gateway.routes.effects import list_ambiguous
from spine.contracts.jobs import JobStatus
from spine.documents import JOBS, page_of
from spine.jobs import from_document

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 25
DEAD_LETTERS: Final = {"status": {"$in": [str(JobStatus.DEAD), str(JobStatus.FAILURE)]}}
"""Jobs that ended without success and can be put back to work."""


@router.get("/queues")
async def queues(request: Request, context: Context, caller: Caller, cursor: Cursor = None) -> Response:
    figures, doubtful, dead = await asyncio.gather(
        queue_figures(context),
        list_ambiguous(context, PAGE_SIZE),
        page_of(context.documents, JOBS, DEAD_LETTERS, sort=NEWEST_FIRST, limit=PAGE_SIZE, cursor=cursor),
    )
    return page(
        request,
        "queues.html",
        queues=figures,
        may_purge=caller.role.includes(Role.ADMIN),
        doubtful=doubtful,
        dead=[from_document(document) for document in dead.items],
        total=dead.total,
        next=dead.next,
        first=cursor is None,
    )
