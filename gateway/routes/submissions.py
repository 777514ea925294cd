"""Giving a book for review, and the review desk."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.configuration import TEMPLATE_SLUG
from gateway.dependencies import Caller, Context, IfMatch
from gateway.listing import Cursor, Limit, Listing, listing
from gateway.problems import ProblemError
from gateway.shelf import submissions_page
from gateway.starting import hand_over
from spine.contracts.jobs import Job
from spine.contracts.submissions import Submission, SubmissionStatus, SubmitRequest
from spine.contracts.texts import LONGEST_TITLE, Article, DraftArticle
from spine.documents import PIPELINE_CONFIGS
from spine.errors import ConflictError, InvalidInputError
from spine.field_errors import FieldError, refuse
from spine.stage_overrides import addresses_in, checked_overrides
from spine.stored_reviews import submission_from
from spine.submissions import STAGES

router = APIRouter(tags=["review desk"])


class Started(BaseModel):
    """Work that was accepted. Watch it at `WS /ws/tasks?job=…`."""

    submission_id: str = Field(examples=["sub_0193f0a2b4c1d2e3f4a5b6c7"])
    job_id: str = Field(examples=["job_0193f0a2b4c1d2e3f4a5b6c7"])
    status: SubmissionStatus = Field(examples=["pending"])


class ArticleEdit(BaseModel):
    """A new revision of an article."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(
        default=None, description=f"at most {LONGEST_TITLE} characters, unless it is the one that is stored"
    )
    content: str = Field(max_length=500_000, description="Markdown")

    @field_validator("title", "content")
    @classmethod
    def _is_text(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty")
        if value is not None and "\x00" in value:
            raise ValueError("holds a zero byte")
        return value


class Rejection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=5_000, description="what the writer should do differently")


class Retry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fresh: bool = Field(default=False, description="true: run every stage again instead of reusing finished ones")


class StepRetry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    stage: str = Field(examples=["article_generation"])
    overrides: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="what to change for this stage: model settings, `prompt`, word bounds, or fields of its `input`",
        examples=[{"provider": "mistral", "temperature": 0.3}],
    )


@router.post("/submit", status_code=202, summary="Give a book for review")
async def submit(
    request: SubmitRequest,
    context: Context,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=200, description="the same key again gives the submission it made"),
    ] = None,
) -> Started:
    """Stores the submission and its job, then starts it. Without `Idempotency-Key` every call is a new submission."""
    for url in (request.amazon_url, *request.links):
        context.check_url(url)
    await _check_pipeline(context, request.pipeline_id)
    submission, job = await context.reviews.submit(request, idempotency_key=idempotency_key)
    if submission.request != request:
        raise ProblemError(422, "idempotency_key_reused", "This Idempotency-Key was used for another submission.")
    await hand_over(context, job)
    return _started(submission, job)


async def reviews_books(context: Context, slug: str) -> bool:
    """Whether there is such a pipeline and it has the stages of a review."""
    if slug == TEMPLATE_SLUG:
        return True
    stored = await context.documents.get(PIPELINE_CONFIGS, slug)
    return stored is not None and {step["id"] for step in stored["steps"]}.issuperset(STAGES)


async def _check_pipeline(context: Context, slug: str) -> None:
    if not await reviews_books(context, slug):
        raise InvalidInputError(f"There is no pipeline {slug!r} for reviews; `GET /pipelines` lists what there is.")


@router.get("/submissions", summary="List submissions, newest first")
async def list_submissions(
    context: Context,
    status: SubmissionStatus | None = None,
    q: Annotated[str | None, Query(max_length=200, description="part of the title, the address or the id")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Submission]:
    page = await submissions_page(context.documents, status=status, q=q, limit=limit, cursor=cursor)
    return listing(page, submission_from)


@router.get("/submissions/{submission_id}", summary="One submission with its stages and errors")
async def get_submission(submission_id: str, context: Context) -> Submission:
    return await context.desk.get(submission_id)


@router.get("/submissions/{submission_id}/article", summary="The article, its newest revision or an older one")
async def get_article(
    submission_id: str,
    context: Context,
    response: Response,
    revision: Annotated[int | None, Query(ge=1, le=2**31)] = None,
) -> Article:
    article = await context.desk.article(submission_id, revision)
    response.headers["ETag"] = f'"{article.revision}"'
    return article


@router.put("/submissions/{submission_id}/article", summary="Store an edit as the next revision")
async def edit_article(
    submission_id: str, edit: ArticleEdit, context: Context, caller: Caller, if_match: IfMatch, response: Response
) -> Article:
    """With `If-Match: "<revision>"` the edit is refused (412) when somebody else has stored a newer revision."""
    await _require_newest(context, submission_id, if_match)
    stored = (await context.desk.article(submission_id)).title
    if edit.title and len(edit.title) > LONGEST_TITLE and edit.title.split() != stored.split():
        refuse([FieldError("title", f"is longer than {LONGEST_TITLE} characters")])
    draft = DraftArticle(title=edit.title or stored, content=edit.content)
    article = await context.desk.edit_article(
        submission_id,
        content=edit.content,
        title=edit.title,
        examined=await context.examine(submission_id, draft),
        editor=caller.name,
        if_match=if_match,
    )
    response.headers["ETag"] = f'"{article.revision}"'
    return article


async def _require_decidable(context: Context, submission_id: str, if_match: int | None) -> None:
    """409 while there is no article, whichever revision the caller names; 412 as for an edit."""
    await context.desk.article_to_decide(submission_id)
    await _require_newest(context, submission_id, if_match)


async def _require_newest(context: Context, submission_id: str, if_match: int | None) -> None:
    """412 when the revision that the caller has read is not the newest one."""
    if if_match is None or (newest := await context.desk.article(submission_id)).revision == if_match:
        return
    raise ProblemError(
        412,
        "revision_mismatch",
        f"The article is at revision {newest.revision}, not {if_match}; read it again first.",
        headers={"ETag": f'"{newest.revision}"'},
        revision=newest.revision,
    )


@router.post("/submissions/{submission_id}/approve", status_code=202, summary="Accept and publish the article")
async def approve(submission_id: str, context: Context, if_match: IfMatch) -> Started:
    """Approves the newest revision and starts its publication. With `If-Match: "<revision>"` it is refused (412) when
    there is a newer one than you have read.

    409 names what has to be configured when there is no site to publish on; the article stays approved then and is
    published once the site is there.
    """
    await _require_decidable(context, submission_id, if_match)
    await context.desk.approve(submission_id)
    if gap := await context.publishing_gap():
        raise ConflictError(gap)
    submission, job = await context.desk.publish(submission_id)
    await hand_over(context, job)
    return _started(submission, job)


@router.post("/submissions/{submission_id}/reject", summary="Refuse the article with a reason")
async def reject(submission_id: str, rejection: Rejection, context: Context, if_match: IfMatch) -> Submission:
    await _require_decidable(context, submission_id, if_match)
    return await context.desk.reject(submission_id, rejection.reason)


@router.post("/tasks/{submission_id}/retry", status_code=202, tags=["tasks"], summary="Run the pipeline again")
async def retry(submission_id: str, context: Context, body: Retry | None = None) -> Started:
    """A new job for the submission; finished stages come from the cache unless `fresh`."""
    submission, job = await context.reviews.retry(submission_id, fresh=body.fresh if body else False)
    await hand_over(context, job)
    return _started(submission, job)


@router.post(
    "/tasks/{submission_id}/retry_step", status_code=202, tags=["tasks"], summary="Run again from one stage on"
)
async def retry_step(submission_id: str, body: StepRetry, context: Context) -> Started:
    """A new job that repeats this stage and those after it; `overrides` edit what the stage is given."""
    for url in addresses_in(checked_overrides(body.stage, body.overrides)):
        context.check_url(url)
    submission, job = await context.reviews.retry_step(submission_id, body.stage, body.overrides)
    await hand_over(context, job)
    return _started(submission, job)


def _started(submission: Submission, job: Job) -> Started:
    return Started(submission_id=submission.submission_id, job_id=job.job_id, status=submission.status)
