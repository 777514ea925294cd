"""What models cost, by day, provider and stage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.dependencies import Context
from gateway.pages.charts import Chart, stacked
from gateway.pages.rendering import page
from gateway.routes.usage import checked_days
from spine.contracts.timestamps import utc_now
from spine.contracts.usage import UsageGroup
from spine.usage import usage_report

router = APIRouter(include_in_schema=False)

TITLES = ("Provider and model", "Pipeline and stage")
"""Messages of the catalogues."""


@router.get("/usage")
async def usage(
    request: Request,
    context: Context,
    first_day: Annotated[date | None, Query(alias="from")] = None,
    last_day: Annotated[date | None, Query(alias="to")] = None,
) -> Response:
    first, last = checked_days(first_day, last_day, utc_now().date())
    reports = await asyncio.gather(
        *(
            usage_report(context.documents, dimensions, first_day=first, last_day=last)
            for dimensions in (("day", "provider"), ("provider", "model"), ("pipeline", "stage"))
        )
    )
    by_day, by_provider, by_stage = (report.groups for report in reports)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return page(
        request,
        "usage.html",
        first=first,
        last=last,
        total=reports[0].total,
        cost=by_day_chart(by_day, days, "cost_usd"),
        tokens=by_day_chart(by_day, days, "tokens"),
        tables=list(zip(TITLES, (by_provider, by_stage), strict=True)),
    )


def by_day_chart(groups: Iterable[UsageGroup], days: list[date], figure: str) -> Chart:
    """A column for every day, the silent ones too, with a part for each provider."""
    columns: dict[str, dict[str, float]] = {day.isoformat(): {} for day in days}
    providers: set[str] = set()
    for group in groups:
        provider = group.group["provider"]
        providers.add(provider)
        columns[group.group["day"]][provider] = _figure(group, figure)
    return stacked(list(columns.items()), sorted(providers))


def _figure(group: UsageGroup, figure: str) -> float:
    return group.input_tokens + group.output_tokens if figure == "tokens" else group.cost_usd or 0.0
