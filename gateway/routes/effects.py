"""Calls to the outside whose outcome nobody knows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.dependencies import Context
from gateway.listing import Listing
from spine.contracts.timestamps import Timestamp
from spine.documents import MAX_PAGE
from spine.effects import ambiguous_effects, count_ambiguous
from spine.ports import Document

router = APIRouter(prefix="/api/effects", tags=["jobs"])


class AmbiguousEffect(BaseModel):
    """A call that may or may not have had its effect, and that is not made again."""

    key: str = Field(description="what was to be done once")
    job_id: str = Field(description="the job that made the call")
    begun: Timestamp
    reason: str


@router.get("/ambiguous", summary="Sends of which nobody knows whether they arrived, newest first")
async def list_ambiguous(
    context: Context, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE
) -> Listing[AmbiguousEffect]:
    """Whether to do it again is for a person to say, who can look at the other side."""
    items = [ambiguous_effect(record) for record in await ambiguous_effects(context.documents, limit=limit)]
    return Listing[AmbiguousEffect](items=items, total=await count_ambiguous(context.documents))


def ambiguous_effect(record: Document) -> AmbiguousEffect:
    """A record of `spine.effects.ambiguous_effects` as it is told; one that nobody asked for since has no reason."""
    reason = record.get("reason") or "its process ended before it could say what came of it"
    return AmbiguousEffect(key=record["key"], job_id=record.get("job_id", ""), begun=record["begun"], reason=reason)
