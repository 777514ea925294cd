"""Submissions and the revisions of their articles as they are stored, and how one is found or added."""

from __future__ import annotations

from typing import Any

from spine.contracts.submissions import Submission
from spine.contracts.texts import Article
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARTICLES, SUBMISSIONS
from spine.errors import ConflictError, DuplicateError, NotFoundError
from spine.ports import Document, Documents


async def stored_submission(documents: Documents, submission_id: str) -> Submission:
    document = await documents.get(SUBMISSIONS, submission_id)
    if document is None:
        raise NotFoundError(f"There is no submission {submission_id}.")
    return submission_from(document)


async def find_article(documents: Documents, submission_id: str, revision: int | None = None) -> Article | None:
    """The newest revision, or the one asked for; None when it is not there."""
    where: dict[str, Any] = {"submission_id": submission_id}
    if revision is not None:
        where["revision"] = revision
    found = await documents.find(ARTICLES, where, sort=[("revision", -1)], limit=1)
    return article_from(found[0]) if found else None


async def add_revision(documents: Documents, article: Article, after: int | None = None) -> Article:
    """Store `article` as the revision after the newest one; `ConflictError` when that is not `after`."""
    while True:
        newest = await documents.find(
            ARTICLES, {"submission_id": article.submission_id}, sort=[("revision", -1)], limit=1
        )
        revision = newest[0]["revision"] + 1 if newest else 1
        if after is not None and revision != after + 1:
            raise ConflictError(f"The article is at revision {revision - 1}, not {after}; read it again.")
        stored = article.model_copy(
            update={
                "revision": revision,
                "article_id": f"{article.submission_id}:{revision}",
                "created": iso(utc_now()),
            }
        )
        try:
            await documents.insert(ARTICLES, article_document(stored))
        except DuplicateError:
            continue  # somebody else took this number
        return stored


def submission_document(submission: Submission) -> Document:
    fields = submission.model_dump(mode="json")
    return {"_id": fields.pop("submission_id"), **fields}


def submission_from(document: Document) -> Submission:
    fields = dict(document)
    return Submission(submission_id=fields.pop("_id"), **fields)


def article_document(article: Article) -> Document:
    fields = article.model_dump(mode="json")
    return {"_id": fields.pop("article_id"), **fields}


def article_from(document: Document) -> Article:
    fields = dict(document)
    return Article(article_id=fields.pop("_id"), **fields)
