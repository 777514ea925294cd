"""Who does the work: lanes and Prefect's workers, with what each runs now."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.context import GatewayContext
from gateway.dependencies import Parts
from gateway.pages.rendering import page
from spine.contracts.jobs import Job
from spine.documents import JOBS
from spine.jobs import from_document

router = APIRouter(include_in_schema=False)


@router.get("/workers")
async def workers(request: Request, parts: Parts) -> Response:
    health = await parts.health.report(parts.hub.watchers)
    jobs = await running_jobs(parts.context, (job for lane in health.lanes for job in lane.jobs))
    return page(request, "workers.html", lanes=health.lanes, workers=health.workers, jobs=jobs, health=health)


async def running_jobs(context: GatewayContext, ids: Iterable[str]) -> dict[str, Job]:
    wanted = sorted(set(ids))
    found = await context.documents.find(JOBS, {"_id": {"$in": wanted}}) if wanted else []
    return {document["_id"]: from_document(document) for document in found}
