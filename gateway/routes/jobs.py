"""Every job of every pipeline: its record, its events, stopping it and putting it back to work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.cancelling import tell_of_cancel
from gateway.dependencies import Context
from gateway.listing import NEWEST_FIRST, Cursor, Limit, Listing, given, listing
from gateway.replay import ending, is_end
from gateway.starting import hand_over
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.progress import ProgressEvent
from spine.documents import JOBS, page_of
from spine.jobs import from_document
from spine.progress import announce_state

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class JobState(BaseModel):
    """Where a job stands after the call."""

    job_id: str
    status: JobStatus
    cancel_requested: bool = Field(description="true with a running status: it stops within 10 seconds")


class EventPage(BaseModel):
    """Events of one job, in order."""

    items: list[ProgressEvent]
    total: int = Field(description="the number of the last event here; events count from 1 without gaps")
    next: int | None = Field(default=None, description="give it as `since` to go on; null when these were the last")


@router.get("", summary="List jobs, newest first")
async def list_jobs(
    context: Context,
    pipeline: Annotated[str | None, Query(max_length=100)] = None,
    status: JobStatus | None = None,
    subject: Annotated[str | None, Query(max_length=200, description="id of the submission, persona, card, …")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Job]:
    where = given(pipeline=pipeline, status=str(status) if status else None, subject_id=subject)
    page = await page_of(context.documents, JOBS, where, sort=NEWEST_FIRST, limit=limit, cursor=cursor)
    return listing(page, from_document)


@router.get("/{job_id}", summary="One job")
async def get_job(job_id: str, context: Context) -> Job:
    return await context.ledger.get(job_id)


@router.get("/{job_id}/events", summary="What happened in a job, from an event on")
async def get_events(
    job_id: str,
    context: Context,
    since: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> EventPage:
    """The same events as the WebSocket gives. They are kept for a day; of an older job its end is told."""
    job = await context.ledger.get(job_id)
    found = await context.progress.read(job_id, since, limit + 1)
    items = found[:limit]
    if len(found) <= limit and not (items and is_end(items[-1])):
        items += await _lost_end(context, job, items, since)
    last = items[-1].seq if items else since
    return EventPage(items=items, total=last, next=last if len(found) > limit else None)


async def _lost_end(context: Context, job: Job, items: list[ProgressEvent], since: int) -> list[ProgressEvent]:
    """The job's end by its record, unless the reader has had it as event `since`."""
    if not items and since:
        had = await context.progress.read(job.job_id, since - 1, 1)
        if had and is_end(had[0]):
            return []
    end = ending(job, (items[-1].seq if items else since) + 1)
    return [end] if end else []


@router.post("/{job_id}/cancel", status_code=202, summary="Stop a job")
async def cancel(job_id: str, context: Context) -> JobState:
    """A job that waits ends at once as REVOKED; one that runs is asked to stop. 409 when it has ended."""
    job = await context.ledger.cancel(job_id)
    if job.status is JobStatus.REVOKED:
        await tell_of_cancel(context, job)
    return _state(job)


@router.post("/{job_id}/redrive", status_code=202, summary="Put a dead or failed job back to work")
async def redrive(job_id: str, context: Context) -> JobState:
    """The same job with a full set of attempts. 409 unless it is DEAD or FAILURE."""
    job = await context.ledger.redrive(job_id)
    await announce_state(context.progress, job, "put back to work")
    await hand_over(context, job)
    return _state(job)


def _state(job: Job) -> JobState:
    return JobState(job_id=job.job_id, status=job.status, cancel_requested=job.cancel_requested)
