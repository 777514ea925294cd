"""What an editor does with an article: edit it, see what changed, run it again from a stage with edits."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.dependencies import Context, EditorOnly
from gateway.pages.rendering import page
from gateway.pages.rerun_form import rerun_form
from spine.article_revisions import compare_revisions, revision_from, revisions_page
from spine.contracts.books import ConsolidatedBook
from spine.contracts.submissions import Submission
from spine.contracts.texts import LONGEST_TITLE
from spine.documents import BOOKS
from spine.stage_overrides import STAGE_RULES

router = APIRouter(include_in_schema=False)
_REVISIONS = 100


@router.get("/review/{submission_id}/edit", dependencies=[EditorOnly])
async def edit(submission_id: str, request: Request, context: Context) -> Response:
    submission, article = await asyncio.gather(context.desk.get(submission_id), context.desk.article(submission_id))
    return page(request, "edit.html", submission=submission, article=article, longest_title=LONGEST_TITLE)


@router.get("/review/{submission_id}/changes")
async def changes(
    submission_id: str,
    request: Request,
    context: Context,
    older: Annotated[int | None, Query(alias="from", ge=1, le=2**31)] = None,
    newer: Annotated[int | None, Query(alias="to", ge=1, le=2**31)] = None,
) -> Response:
    submission = await context.desk.get(submission_id)
    found = await revisions_page(context.documents, submission_id, limit=_REVISIONS, cursor=None)
    revisions = [revision_from(document) for document in found.items]
    compared = await compare_revisions(context.documents, submission_id, older, newer) if len(revisions) > 1 else None
    return page(request, "changes.html", submission=submission, revisions=revisions, compared=compared)


@router.get("/review/{submission_id}/rerun", dependencies=[EditorOnly])
async def rerun(submission_id: str, request: Request, context: Context, stage: str = "article_generation") -> Response:
    submission = await context.desk.get(submission_id)
    chosen = stage if stage in STAGE_RULES else "article_generation"
    book = await _facts(context, submission)
    return page(
        request,
        "rerun.html",
        submission=submission,
        stages=list(STAGE_RULES),
        form=rerun_form(chosen, submission, book),
    )


async def _facts(context: Context, submission: Submission) -> ConsolidatedBook | None:
    found = await context.documents.find(BOOKS, {"submission_id": submission.submission_id}, limit=1)
    return ConsolidatedBook.model_validate(found[0]) if found else None
