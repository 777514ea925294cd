"""The pages: reviews, one review, jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from gateway.dependencies import Context
from gateway.listing import NEWEST_FIRST, Cursor, given
from gateway.pages.job_figures import HOURS, MOST, by_hour, by_pipeline, took_by_hour
from gateway.pages.rendering import page
from gateway.pages.shown_names import PIPELINES
from gateway.pages.views import actions, facts, row, stage_rows
from gateway.shelf import submissions_page
from spine.contracts.books import ConsolidatedBook
from spine.contracts.jobs import FINAL_STATUSES, Job, JobStatus
from spine.contracts.submissions import Submission, SubmissionStatus
from spine.contracts.texts import Article
from spine.contracts.timestamps import iso, utc_now
from spine.documents import BOOKS, JOBS, page_of
from spine.errors import NotFoundError
from spine.jobs import from_document
from spine.stored_reviews import submission_from

router = APIRouter(include_in_schema=False)
PAGE_SIZE = 25
_Search = Annotated[str, Query(max_length=200)]


@router.get("/reviews")
async def reviews(
    request: Request, context: Context, status: str = "", q: _Search = "", cursor: Cursor = None
) -> Response:
    chosen = next((known for known in SubmissionStatus if known == status), None)
    found = await submissions_page(context.documents, status=chosen, q=q, limit=PAGE_SIZE, cursor=cursor)
    listed = [submission_from(document) for document in found.items]
    jobs = await _jobs(context, (submission.job_id for submission in listed))
    return page(
        request,
        "reviews.html",
        rows=[row(submission, jobs.get(submission.job_id or "")) for submission in listed],
        total=found.total,
        next=found.next,
        first=cursor is None,
        q=q,
        status=str(chosen or ""),
        statuses=list(SubmissionStatus),
    )


async def _jobs(context: Context, ids: Iterable[str | None]) -> dict[str, Job]:
    wanted = [job_id for job_id in ids if job_id]
    documents = await context.documents.find(JOBS, {"_id": {"$in": wanted}}) if wanted else []
    return {document["_id"]: from_document(document) for document in documents}


@router.get("/review/{submission_id}")
async def review(submission_id: str, request: Request, context: Context) -> Response:
    submission = await context.desk.get(submission_id)
    article, book, jobs = await asyncio.gather(
        _article(context, submission), _book(context, submission), _jobs(context, [submission.job_id])
    )
    job = jobs.get(submission.job_id or "")
    return page(
        request,
        "review.html",
        row=row(submission, job),
        job=job,
        article=article,
        unsupported=[claim for claim in article.claims if not claim.supported] if article else [],
        facts=facts(book) if book else [],
        book_notes=book.notes if book else [],
        stages=stage_rows(submission, context.stages),
        actions=actions(submission, article, job),
    )


async def _article(context: Context, submission: Submission) -> Article | None:
    try:
        return await context.desk.article(submission.submission_id)
    except NotFoundError:
        return None


async def _book(context: Context, submission: Submission) -> ConsolidatedBook | None:
    """The merged book; None before there is one, and when it was stored in a shape that is not known here."""
    where = {"_id": submission.book_id} if submission.book_id else {"submission_id": submission.submission_id}
    found = await context.documents.find(BOOKS, where, limit=1)
    try:
        return ConsolidatedBook.model_validate(found[0]) if found else None
    except ValidationError:
        return None


async def _ended_lately(context: Context, pipeline: str | None) -> list[Job]:
    """The last jobs that ended within a day, at most `MOST`."""
    since = iso(utc_now() - timedelta(hours=HOURS))
    where = given(status={"$in": sorted(FINAL_STATUSES)}, finished={"$gte": since}, pipeline=pipeline)
    found = await context.documents.find(JOBS, where, sort=[("finished", -1)], limit=MOST)
    return [from_document(document) for document in found]


@router.get("/jobs")
async def jobs(
    request: Request, context: Context, status: str = "", pipeline: _Search = "", cursor: Cursor = None
) -> Response:
    now = utc_now()
    chosen = next((known for known in JobStatus if known == status), None)
    where = given(status=str(chosen) if chosen else None, pipeline=pipeline or None)
    found, ended = await asyncio.gather(
        page_of(context.documents, JOBS, where, sort=NEWEST_FIRST, limit=PAGE_SIZE, cursor=cursor),
        _ended_lately(context, pipeline or None),
    )
    return page(
        request,
        "jobs.html",
        hours=by_hour(ended, now),
        took=took_by_hour(ended, now),
        figures=by_pipeline(ended),
        jobs=[from_document(document) for document in found.items],
        total=found.total,
        next=found.next,
        first=cursor is None,
        status=str(chosen or ""),
        pipeline=pipeline,
        pipelines=sorted({*PIPELINES, *([pipeline] if pipeline else [])}),
        statuses=list(JobStatus),
    )
