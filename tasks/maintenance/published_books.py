"""Books with a public article, with their facts as the article knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from spine.contracts.books import BookMetadata
from spine.contracts.jobs import JobError
from spine.contracts.timestamps import Timestamp, iso
from spine.documents import ARTICLES, BOOKS, SUBMISSIONS
from spine.ports import Document, Documents
from tasks.maintenance.fact_changes import FactChange

_TOGETHER = 500
"""Documents that are looked up in one query."""


class Refreshed(BaseModel):
    """What the shop says now; kept in the book as `refreshed` until the book is reviewed again."""

    tried: Timestamp | None = Field(default=None, description="when the page was last asked for")
    read: Timestamp | None = Field(default=None, description="when it was last understood")
    metadata: BookMetadata | None = None
    changes: list[FactChange] = Field(default_factory=list[FactChange])
    flags: list[str] = Field(default_factory=list, description="the changes, one sentence each")
    error: JobError | None = Field(default=None, description="why the last try gave nothing; the facts are older")


@dataclass(frozen=True, slots=True)
class PublishedBook:
    """A book whose article is public, with its facts as the article knows them."""

    submission_id: str
    title: str
    url: str
    facts: BookMetadata
    refreshed: Refreshed


async def published_books(documents: Documents, not_tried_since: datetime, limit: int) -> list[PublishedBook]:
    """Books with a published article, those first that were not looked at for the longest time."""
    articles = await documents.find(ARTICLES, {"status": "published"})
    ids = list(dict.fromkeys(article["submission_id"] for article in articles))
    submissions = await _by_id(documents, SUBMISSIONS, ids)
    books = await _by_id(documents, BOOKS, ids)
    found = [published_book(submissions[id], books[id]) for id in ids if id in submissions and id in books]
    due = [one for one in found if one.refreshed.tried is None or one.refreshed.tried < not_tried_since]
    return sorted(due, key=lambda one: iso(one.refreshed.tried) if one.refreshed.tried else "")[:limit]


def published_book(submission: Document, book: Document) -> PublishedBook:
    """The facts are the product page's own: what other sources said instead has not changed on that page."""
    sources: list[Document] = book.get("sources") or []
    own = next((source["value"] for source in sources if source["source"] == "amazon"), None)
    return PublishedBook(
        submission_id=submission["_id"],
        title=submission.get("title") or submission["_id"],
        url=submission["request"]["amazon_url"],
        facts=BookMetadata.model_validate(own or book.get("metadata") or {}),
        refreshed=Refreshed.model_validate(book.get("refreshed") or {}),
    )


async def _by_id(documents: Documents, collection: str, ids: Sequence[str]) -> Mapping[str, Document]:
    found: dict[str, Document] = {}
    for start in range(0, len(ids), _TOGETHER):
        some = await documents.find(collection, {"_id": {"$in": list(ids[start : start + _TOGETHER])}})
        found.update((document["_id"], document) for document in some)
    return found
