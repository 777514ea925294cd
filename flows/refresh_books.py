"""Published books and their product pages: does the shop still say what our articles say?"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from spine.contracts.timestamps import utc_now
from tasks.job_run import TimeLimits
from tasks.maintenance.artifacts import show_table
from tasks.maintenance.chore import open_chore
from tasks.maintenance.published_books import published_books
from tasks.maintenance.refreshing import change_rows, refresh_books_of
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=50 * 60, hard=60 * 60)


@flow(name="refresh_books", flow_run_name="refresh books", persist_result=False)
async def refresh_books(
    limit: Annotated[int, Field(ge=1)] = 500,
    concurrency: Annotated[int, Field(ge=1, le=20)] = 4,
    skip_hours: Annotated[float, Field(ge=0)] = 24,
) -> dict[str, Any]:
    """Read the product page of every published book again and flag the facts that have changed.

    The book keeps today's facts and the flags as `refreshed`; the article is left alone. Returns the numbers of books,
    of pages read and failed, and of books whose facts changed.

    Args:
        limit: At most this many books, those first that were not looked at for the longest time.
        concurrency: Pages that are read at once.
        skip_hours: A book that was looked at within this time is left out, so that a second attempt goes on.
    """
    params = {"limit": limit, "concurrency": concurrency, "skip_hours": skip_hours}
    async with open_run_services() as services, open_chore(services, "refresh_books", LIMITS, **params) as chore:
        since = utc_now() - timedelta(hours=skip_hours)
        books = await published_books(services.documents, since, limit)
        summary = await refresh_books_of(chore, books, concurrency)
        await show_table("refreshed-books", change_rows(summary), "What shops say differently from our articles")
        chore.result = summary.result
    return chore.result
