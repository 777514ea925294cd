"""The history of an article."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.dependencies import Context
from gateway.listing import Cursor, Limit, Listing, listing
from spine.article_revisions import ArticleChanges, ArticleRevision, compare_revisions, revision_from, revisions_page

router = APIRouter(tags=["review desk"])


@router.get("/submissions/{submission_id}/article/revisions", summary="Every revision of the article, newest first")
async def list_revisions(
    submission_id: str, context: Context, limit: Limit = 50, cursor: Cursor = None
) -> Listing[ArticleRevision]:
    """Without their texts: `GET …/article?revision=N` has those."""
    await context.desk.get(submission_id)
    page = await revisions_page(context.documents, submission_id, limit=limit, cursor=cursor)
    return listing(page, revision_from)


@router.get("/submissions/{submission_id}/article/diff", summary="What changed between two revisions")
async def compare(
    submission_id: str,
    context: Context,
    older: Annotated[int | None, Query(alias="from", ge=1, le=2**31, description="default: the one before")] = None,
    newer: Annotated[int | None, Query(alias="to", ge=1, le=2**31, description="default: the newest")] = None,
) -> ArticleChanges:
    """As a unified diff for people and as blocks of lines for programs."""
    return await compare_revisions(context.documents, submission_id, older, newer)
