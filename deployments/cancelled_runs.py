"""Runs of a lane that somebody cancels in Prefect: nothing there can end them, so the lane ends their jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException

from deployments.job_handler import JobHandler
from spine.documents import JOBS
from spine.errors import ConflictError, MillraceError
from spine.services import Services

_logger = logging.getLogger("millrace.lane")

LOOK_SECONDS: Final = 3.0
"""Between two looks, one request each and only while jobs run. What is left of ten seconds is the jobs' own grace."""

_CANCELLING: Final = FlowRunFilter(
    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING])),
)


async def obey_cancels_forever(services: Services, handler: JobHandler, sharing: Collection[str]) -> None:
    """For jobs with flow runs of their own. Those of queues that are `sharing` one go on: it holds others too."""
    async with get_client() as client:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not handler.running:
                continue
            try:
                await cancel_jobs_of(await _cancelled_runs(client), services, handler.running, sharing)
            except (PrefectException, httpx.HTTPError, MillraceError, OSError, RuntimeError) as error:
                _logger.warning("whether runs were cancelled in Prefect is not known: %s", error or type(error))


async def _cancelled_runs(client: PrefectClient) -> list[str]:
    return [str(run.id) for run in await client.read_flow_runs(flow_run_filter=_CANCELLING)]


async def cancel_jobs_of(
    flow_runs: Collection[str], services: Services, running: Collection[str], sharing: Collection[str]
) -> None:
    """Ask those of the running jobs to stop that these flow runs run; each hears of it as of any other cancel."""
    if not flow_runs:
        return
    where: dict[str, Any] = {"_id": {"$in": list(running)}, "flow_run_id": {"$in": list(flow_runs)}}
    where |= {"queue": {"$nin": list(sharing)}, "cancel_requested": {"$ne": True}}
    for job in await services.documents.find(JOBS, where):
        with suppress(ConflictError):  # it has just ended
            await services.ledger.cancel(job["_id"])
