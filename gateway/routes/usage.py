"""What models cost: tokens, money and waiting, summed up as the caller asks."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from gateway.dependencies import Context
from gateway.listing import Cursor, Limit, Listing
from spine.contracts.timestamps import utc_now
from spine.contracts.usage import UsageGroup, UsageSum
from spine.errors import InvalidInputError
from spine.usage import usage_report

router = APIRouter(prefix="/api/usage", tags=["operations"])

USUAL_DAYS = 30
MOST_DAYS = 366
"""A report reads every record of its time."""

_SEPARATOR = "\x1f"  # stands in no name of a group


class UsageListing(Listing[UsageGroup]):
    """Groups in order, and what all of them come to."""

    totals: UsageSum = Field(description="of everything that was counted, on all pages together")
    first_day: date
    last_day: date


@router.get("", summary="What models cost, by day, provider, stage or submission")
async def get_usage(
    context: Context,
    group_by: Annotated[
        str,
        Query(
            max_length=100, description="day, provider, model, stage, submission, pipeline; or several: day,provider"
        ),
    ] = "day",
    first_day: Annotated[date | None, Query(alias="from", description="UTC, included; 30 days back by default")] = None,
    last_day: Annotated[date | None, Query(alias="to", description="UTC, included; today by default")] = None,
    submission_id: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> UsageListing:
    """Days and submissions come newest first, other groups by name. `cost_usd` counts what has a known price;
    `calls_with_unknown_cost` says how many calls it leaves out, and it is null when it would leave out all."""
    first, last = checked_days(first_day, last_day, utc_now().date())
    report = await usage_report(
        context.documents, group_by.split(","), first_day=first, last_day=last, submission_id=submission_id
    )
    start = _place_after(report.groups, cursor)
    items = report.groups[start : start + limit]
    more = start + limit < len(report.groups)
    return UsageListing(
        items=items,
        total=len(report.groups),
        next=_cursor_of(items[-1]) if more else None,
        totals=report.total,
        first_day=first,
        last_day=last,
    )


def checked_days(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """The days of a report. Raises InvalidInputError for days in the wrong order, and for more than a year."""
    last = last or today
    first = first or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        raise InvalidInputError(f"`from` ({first}) is after `to` ({last}).")
    if (last - first).days >= MOST_DAYS:
        raise InvalidInputError(f"A report covers at most {MOST_DAYS} days; ask for a shorter time.")
    return first, last


def _cursor_of(group: UsageGroup) -> str:
    return _SEPARATOR.join(group.group.values())


def _place_after(groups: list[UsageGroup], cursor: str | None) -> int:
    """Where the page after `cursor` begins. Raises InvalidInputError for the cursor of another list."""
    if cursor is None:
        return 0
    for place, group in enumerate(groups):
        if _cursor_of(group) == cursor:
            return place + 1
    raise InvalidInputError("`cursor` is not of this list; give the `next` of the page before, and the same filters.")
