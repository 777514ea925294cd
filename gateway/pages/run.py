"""One run of any pipeline: where it stands, what its stages took, its log, its outcome."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.context import GatewayContext
from gateway.dependencies import Context
from gateway.pages.rendering import page
from gateway.pages.run_timeline import Span, spans_of_events, spans_of_stages
from gateway.pages.subjects import subject_page
from gateway.pages.views import shown, stage_rows
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.documents import JOBS
from spine.errors import NotFoundError
from spine.jobs import from_document
from spine.submissions import BOOK_REVIEW

router = APIRouter(include_in_schema=False)
_CHILDREN = 50
_EVENTS = 1_000


@router.get("/run/{job_id}")
async def run(job_id: str, request: Request, context: Context) -> Response:
    job = await context.ledger.get(job_id)
    children = await context.documents.find(JOBS, {"parent_job_id": job_id}, sort=[("created", 1)], limit=_CHILDREN)
    return page(
        request,
        "run.html",
        job=job,
        subject=subject_page(job),
        spans=await _spans(context, job),
        children=[from_document(child) for child in children],
        result=[(name, shown(value)) for name, value in (job.result or {}).items() if value not in (None, [], {}, "")],
        prefect=context.prefect_run_address(job.flow_run_id) if job.flow_run_id else None,
    )


async def _spans(context: GatewayContext, job: Job) -> list[Span]:
    """The stages of a review from its submission, as long as this is its newest job; else what the events tell."""
    if job.pipeline == BOOK_REVIEW:
        try:
            submission = await context.desk.get(job.subject_id)
        except NotFoundError:
            submission = None
        if submission is not None and submission.job_id == job.job_id:
            return spans_of_stages(stage_rows(submission, context.stages), utc_now())
    return spans_of_events(await context.progress.read(job.job_id, 0, _EVENTS), utc_now())
