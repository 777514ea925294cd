"""Runs of a lane that somebody cancels in Prefect: nothing there can end them, so the lane ends their jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled

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
        cancels = _Cancels(client, services, handler, frozenset(sharing))
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await cancels.look()
            except (PrefectException, httpx.HTTPError, MillraceError, OSError, RuntimeError) as error:
                _logger.warning("whether runs were cancelled in Prefect is not known: %s", error or type(error))


@dataclass
class _Cancels:
    """Each job hears of its cancel as of any other. Prefect leaves its run `Cancelling` until somebody says more."""

    client: PrefectClient
    services: Services
    handler: JobHandler
    sharing: frozenset[str]
    _ending: dict[UUID, str] = field(default_factory=dict[UUID, str])
    """The job of each cancelled run."""

    async def look(self) -> None:
        if self.handler.running:
            for run in await self.client.read_flow_runs(flow_run_filter=_CANCELLING):
                await self._stop(run.id)
        for flow_run_id, job_id in list(self._ending.items()):
            if job_id not in self.handler.running:
                with suppress(ObjectNotFound):  # somebody deleted it
                    await self.client.set_flow_run_state(
                        flow_run_id, Cancelled(message="Its job has ended."), force=True
                    )
                del self._ending[flow_run_id]

    async def _stop(self, flow_run_id: UUID) -> None:
        where: dict[str, Any] = {"_id": {"$in": list(self.handler.running)}, "flow_run_id": str(flow_run_id)}
        for job in await self.services.documents.find(JOBS, where | {"queue": {"$nin": list(self.sharing)}}):
            self._ending[flow_run_id] = job["_id"]
            with suppress(ConflictError):  # it has just ended
                await self.services.ledger.cancel(job["_id"])
