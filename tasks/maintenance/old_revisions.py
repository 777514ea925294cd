"""Revisions of articles that nobody will read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from spine.contracts.timestamps import iso
from spine.documents import ARTICLES
from spine.ports import Document, Documents
from tasks.maintenance.leftovers import Leftover
from tasks.maintenance.policy import CleanupPolicy

_DECIDED = ("approved", "published")


async def old_revisions(documents: Documents, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    """Superfluous revisions of all submissions."""
    before = iso(now - timedelta(days=policy.revision_days))
    candidates: dict[str, Any] = {"created": {"$lt": before}, "revision": {"$gt": 1}, "made_from": {"$ne": None}}
    submissions = dict.fromkeys(article["submission_id"] for article in await documents.find(ARTICLES, candidates))
    found: list[Leftover] = []
    for submission_id in submissions:
        revisions = await documents.find(ARTICLES, {"submission_id": submission_id})
        found += [
            Leftover(
                name=article["_id"],
                why=f"revision {article['revision']} of {len(revisions)}, made {article['created'][:10]}",
                bytes=len(article["content"].encode()),
            )
            for article in superfluous(revisions, policy.revisions, before)
        ]
    return found


def superfluous(revisions: Sequence[Document], newest: int, before: str) -> list[Document]:
    """Of one article's revisions, those that may go: all but the first, the `newest` ones, those that were approved or
    published, edits by people, and whatever was not made `before` that moment."""
    by_age = sorted(revisions, key=lambda article: article["revision"])
    return [article for article in by_age[1:-newest] if _may_go(article, before)]


def _may_go(article: Document, before: str) -> bool:
    is_an_edit = article.get("made_from") is None
    has_a_post = article.get("post_id") is not None
    return article["created"] < before and article["status"] not in _DECIDED and not is_an_edit and not has_a_post


async def remove_revisions(documents: Documents, found: Sequence[Leftover]) -> int:
    """Delete them, except one that somebody decided on since it was found."""
    removed = 0
    for leftover in found:
        removed += await documents.delete(ARTICLES, {"_id": leftover.name, "status": {"$nin": list(_DECIDED)}})
    return removed
