"""The revisions of an article: which there are, who made each, and what changed from one to another."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from spine.contracts.texts import Article
from spine.documents import ARTICLES, Page, page_of
from spine.errors import InvalidInputError, NotFoundError
from spine.ports import Document, Documents
from spine.stored_reviews import article_from, find_article
from spine.text_changes import TextChanges, compare_texts


class ArticleRevision(BaseModel):
    """One revision in a list, without its text."""

    revision: int
    title: str
    word_count: int
    status: str
    author: str = Field(description="provider/model, or the editor who made it")
    edited: bool = Field(description="a person's edit; false: a run of the pipeline wrote it")
    flags: list[str]
    unsupported_claims: int
    created: str


class TitleChange(BaseModel):
    before: str
    after: str


class ArticleChanges(BaseModel):
    """What leads from one revision to another."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    from_revision: int = Field(serialization_alias="from")
    to_revision: int = Field(serialization_alias="to")
    title: TitleChange | None = Field(description="null when the title stayed")
    unified: str = Field(description="the Markdown's unified diff; empty when it stayed")
    content: TextChanges


async def revisions_page(documents: Documents, submission_id: str, *, limit: int, cursor: str | None) -> Page:
    """Revisions of the submission's article, newest first."""
    where = {"submission_id": submission_id}
    return await page_of(documents, ARTICLES, where, sort=[("revision", -1)], limit=limit, cursor=cursor)


def revision_from(document: Document) -> ArticleRevision:
    article = article_from(document)
    return ArticleRevision(
        **article.model_dump(include={"revision", "title", "word_count", "status", "author", "flags", "created"}),
        edited=article.made_from is None,
        unsupported_claims=sum(not claim.supported for claim in article.claims),
    )


async def compare_revisions(
    documents: Documents, submission_id: str, older: int | None = None, newer: int | None = None
) -> ArticleChanges:
    """The changes from `older` to `newer`; by default of the newest revision against the one before it.

    The comparison runs in a thread: a long article takes its time. `NotFoundError` names the revision that is missing.
    """
    after = await _revision(documents, submission_id, newer)
    if older is None and after.revision == 1:
        raise InvalidInputError("The article has one revision; there is nothing to compare it with.")
    before = await _revision(documents, submission_id, older or after.revision - 1)
    names = (f"revision {before.revision}", f"revision {after.revision}")
    content = await asyncio.to_thread(compare_texts, before.content, after.content, *names)
    same = before.title == after.title
    return ArticleChanges(
        from_revision=before.revision,
        to_revision=after.revision,
        title=None if same else TitleChange(before=before.title, after=after.title),
        unified=content.unified,
        content=content,
    )


async def _revision(documents: Documents, submission_id: str, revision: int | None) -> Article:
    article = await find_article(documents, submission_id, revision)
    if article is None:
        what = "article" if revision is None else f"revision {revision} of its article"
        raise NotFoundError(f"Submission {submission_id} has no {what}.")
    return article
