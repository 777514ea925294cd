"""Reading the product pages of published books again, and keeping what has changed with the book."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spine.contracts.books import BookMetadata
from spine.contracts.timestamps import utc_now
from spine.documents import BOOKS
from spine.jobs import describe
from spine.ports import Documents
from tasks.job_run import JobRun
from tasks.maintenance.fact_changes import FactChange, changed_facts
from tasks.maintenance.published_books import PublishedBook, Refreshed
from tasks.maintenance.steps import read_again


@dataclass(frozen=True, slots=True)
class Refresh:
    """What came of reading one page again."""

    book: PublishedBook
    refreshed: Refreshed

    @property
    def news(self) -> list[FactChange]:
        """The changes that were not known before this reading."""
        known = {(change.fact, change.now) for change in self.book.refreshed.changes}
        return [change for change in self.refreshed.changes if (change.fact, change.now) not in known]


@dataclass
class RefreshSummary:
    """Grows as books are read; its `result` is the job's."""

    books: int
    refreshes: list[Refresh] = field(default_factory=list[Refresh])

    @property
    def result(self) -> dict[str, Any]:
        return {
            "books": self.books,
            "read": sum(one.refreshed.error is None for one in self.refreshes),
            "failed": sum(one.refreshed.error is not None for one in self.refreshes),
            "changed": sum(bool(one.refreshed.flags) for one in self.refreshes),
            "newly_changed": sum(bool(one.news) for one in self.refreshes),
        }


async def refresh_books_of(chore: JobRun, books: Sequence[PublishedBook], concurrency: int) -> RefreshSummary:
    """Read every page again, at most `concurrency` at once; a page that gives nothing stops no other."""
    summary, places = RefreshSummary(len(books)), asyncio.Semaphore(concurrency)

    async def refresh(book: PublishedBook) -> None:
        async with places:
            outcome = Refresh(book, await _read_and_compare(book))
            await _keep(chore.services.documents, outcome)
        summary.refreshes.append(outcome)
        if outcome.refreshed.error:
            await chore.log(f"{book.url} gave nothing: {outcome.refreshed.error.message}", "warning")
        await chore.progress(100 * len(summary.refreshes) / len(books), "refresh", book.title)

    try:
        async with asyncio.TaskGroup() as group:
            for book in books:
                group.create_task(refresh(book))
    except ExceptionGroup as several:  # the store is away: one of the errors says it as well as all of them
        raise several.exceptions[0] from None
    return summary


def compared(book: PublishedBook, metadata: BookMetadata, now: datetime) -> Refreshed:
    """The page's new facts with what changed since the review."""
    changes = changed_facts(book.facts, metadata, book.refreshed.changes, now.date().isoformat())
    flags = [change.flag for change in changes]
    return Refreshed(tried=now, read=now, metadata=metadata, changes=changes, flags=flags)


def change_rows(summary: RefreshSummary) -> list[dict[str, Any]]:
    """One row per changed fact and one per page that gave nothing, new changes first."""
    rows = [
        {
            "book": one.book.title,
            "fact": change.fact,
            "before": change.before,
            "now": change.now,
            "since": change.since,
            "new": "yes" if change in one.news else "",
            "problem": "",
        }
        for one in summary.refreshes
        for change in one.refreshed.changes
        if one.refreshed.error is None
    ]
    failed = [
        dict.fromkeys(("fact", "before", "now", "since", "new"), "")
        | {"book": one.book.title, "problem": one.refreshed.error.message}
        for one in summary.refreshes
        if one.refreshed.error
    ]
    return sorted(rows, key=lambda row: not row["new"]) + failed


async def _read_and_compare(book: PublishedBook) -> Refreshed:
    now = utc_now()
    try:
        page = await read_again(book.url)
        return compared(book, page.metadata, now)
    except Exception as error:  # a page may bring up anything; the other books go on
        return book.refreshed.model_copy(update={"tried": now, "error": describe(error, "refresh")})


async def _keep(documents: Documents, outcome: Refresh) -> None:
    stored = outcome.refreshed.model_dump(mode="json")
    await documents.update(BOOKS, {"_id": outcome.book.submission_id}, set={"refreshed": stored})
