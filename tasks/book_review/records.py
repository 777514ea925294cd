"""What a review leaves in the stored collections; every write is an upsert under a key of the submission."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import Article, KnowledgeBase, LinkPage, LinkSummary, WebResearch
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARTICLES, BOOKS, KNOWLEDGE_BASE, LINK_BIBLIOGRAPHIC_CANDIDATES, SUMMARIES
from spine.errors import NotFoundError
from spine.ports import Documents
from spine.stored_reviews import add_revision, article_from


async def reviewed_book(documents: Documents, submission_id: str) -> ConsolidatedBook:
    """The book that a review merged. Raises `NotFoundError` before its consolidation."""
    stored = await documents.get(BOOKS, submission_id)
    if stored is None:
        raise NotFoundError(f"Submission {submission_id} has no book yet; run its review first.")
    return ConsolidatedBook.model_validate({name: stored.get(name) or empty for name, empty in _BOOK_FIELDS.items()})


_BOOK_FIELDS: dict[str, Any] = {"metadata": {}, "provenance": {}, "sources": [], "notes": []}


class ReviewRecords:
    """The documents of one submission. Written again by a rerun, never duplicated."""

    def __init__(self, documents: Documents, submission_id: str) -> None:
        self._documents = documents
        self._submission_id = submission_id

    async def candidates(self, pages: Sequence[LinkPage]) -> None:
        await self._replace(
            LINK_BIBLIOGRAPHIC_CANDIDATES, [page.model_dump(mode="json", exclude={"text"}) for page in pages]
        )

    async def summaries(self, pages: Sequence[LinkPage], summaries: Sequence[LinkSummary]) -> None:
        rows = [{"url": page.url, **summary.model_dump()} for page, summary in zip(pages, summaries, strict=True)]
        await self._replace(SUMMARIES, rows)

    async def book(self, book: ConsolidatedBook, research: WebResearch | None = None) -> None:
        await self._documents.upsert(
            BOOKS,
            {
                "_id": self._submission_id,
                "submission_id": self._submission_id,
                **book.model_dump(mode="json"),
                "extracted": {"web_research": research.model_dump(mode="json")} if research else {},
                "updated": iso(utc_now()),
            },
        )

    async def knowledge(self, knowledge: KnowledgeBase) -> None:
        # Topics are model-made text and must not become field names: a topic may hold a dot.
        index = [{"topic": topic, "passages": numbers} for topic, numbers in knowledge.topic_index.items()]
        await self._documents.upsert(
            KNOWLEDGE_BASE,
            {
                "_id": self._submission_id,
                "submission_id": self._submission_id,
                "context": knowledge.context,
                "passages": [passage.model_dump() for passage in knowledge.passages],
                "topic_index": index,
                "updated": iso(utc_now()),
            },
        )

    async def article(self, article: Article, made_from: str) -> Article:
        """A new revision, unless this very draft (`made_from`: its stage's key) was stored before a crash."""
        stored = await self._documents.find(
            ARTICLES, {"submission_id": self._submission_id, "made_from": made_from}, limit=1
        )
        if stored:
            return article_from(stored[0])
        return await add_revision(self._documents, article.model_copy(update={"made_from": made_from}))

    async def _replace(self, collection: str, rows: Sequence[dict[str, Any]]) -> None:
        """Row n of a submission is `<submission>:<n>`; rows beyond the last are from an earlier run and go."""
        mine = self._submission_id
        numbered = [{"_id": f"{mine}:{n}", "submission_id": mine, "number": n, **row} for n, row in enumerate(rows)]
        await asyncio.gather(*(self._documents.upsert(collection, row) for row in numbered))
        await self._documents.delete(collection, {"submission_id": self._submission_id, "number": {"$gte": len(rows)}})
