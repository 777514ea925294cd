"""The queues: what waits in them, and emptying one."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from gateway.cancelling import tell_of_cancel
from gateway.dependencies import AdminOnly, Caller, Context
from gateway.listing import Listing
from gateway.queue_figures import WAITING, QueueFigures, is_queue, queue_figures
from spine.contracts.jobs import JobStatus
from spine.documents import JOBS
from spine.errors import ConflictError, NotFoundError

router = APIRouter(prefix="/api/queues", tags=["queues"])

_audit = logging.getLogger("millrace.audit")
_AT_A_TIME = 200


class Purged(BaseModel):
    """What a purge did."""

    queue: str
    revoked: int = Field(description="jobs that waited and will not run; those that run already go on")


@router.get("", summary="Depth, age, flow and lanes of every queue")
async def list_queues(context: Context) -> Listing[QueueFigures]:
    figures = await queue_figures(context)
    return Listing[QueueFigures](items=figures, total=len(figures))


@router.post("/{queue}/purge", summary="Revoke everything that waits in a queue", dependencies=[AdminOnly])
async def purge(queue: Annotated[str, Path(max_length=200)], context: Context, caller: Caller) -> Purged:
    """The jobs end as REVOKED and stay on record; none of them can be put back to work."""
    if not await is_queue(context, queue):
        raise NotFoundError(f"There is no queue {queue!r}; `GET /api/queues` lists them.")
    revoked = await _revoke_waiting(context, queue)
    _audit.warning("queue %s was purged by %s (%s): %d jobs revoked", queue, caller.name, caller.via, revoked)
    return Purged(queue=queue, revoked=revoked)


async def _revoke_waiting(context: Context, queue: str) -> int:
    revoked = 0
    while True:
        waiting = await context.documents.find(JOBS, {"status": {"$in": WAITING}, "queue": queue}, limit=_AT_A_TIME)
        if not waiting:
            return revoked
        for document in waiting:
            try:
                job = await context.ledger.cancel(document["_id"])
            except ConflictError:  # it began, and ended, meanwhile
                continue
            if job.status is JobStatus.REVOKED:
                await tell_of_cancel(context, job)
                revoked += 1
