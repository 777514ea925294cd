"""A run that is cancelled in Prefect's real server ends its job, in a process of its own and in a lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Cancelled, Cancelling, Completed, Running

from deployments import cancelled_runs
from spine.jobs import JobLedger
from tasks.prefect_cancels import is_process_cancelled


@flow
async def anything() -> None: ...


@pytest.mark.parametrize(
    ("state", "cancelled"),
    [(Running(), False), (Completed(), False), (Cancelling(), True), (Cancelled(), True)],
    ids=lambda value: str(getattr(value, "name", value)),
)
async def test_a_process_is_cancelled_from_the_moment_that_somebody_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, state: Any, cancelled: bool
) -> None:
    async with get_client() as client:
        run = await client.create_flow_run(anything, state=state)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run.id))
    assert await is_process_cancelled() is cancelled


@pytest.mark.parametrize("flow_run", [str(uuid4()), "no id", ""], ids=["unknown to Prefect", "no id", "none"])
async def test_a_process_of_another_run_was_not_cancelled(monkeypatch: pytest.MonkeyPatch, flow_run: str) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", flow_run)
    assert not await is_process_cancelled()


@pytest.mark.parametrize(
    ("queue", "state", "asked"),
    [
        pytest.param("pipelines", Cancelling(), True, id="its run was cancelled"),
        pytest.param("pipelines", Running(), False, id="its run goes on"),
        pytest.param("graphs", Cancelling(), False, id="it shares the run"),
    ],
)
async def test_a_lane_stops_the_job_whose_own_run_was_cancelled_in_prefect(
    make_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, queue: str, state: Any, asked: bool
) -> None:
    monkeypatch.setattr(cancelled_runs, "LOOK_SECONDS", 0.02)
    world = await make_world()
    ledger: JobLedger = world.services.ledger
    job, _ = await ledger.create("book_review", "sub_1", queue=queue)
    async with get_client() as client:
        run = await client.create_flow_run(anything, state=state)
    await ledger.begin(job.job_id, "lane:test", str(run.id))
    world.handler.running[job.job_id] = looking = asyncio.create_task(
        cancelled_runs.obey_cancels_forever(world.services, world.handler, ["graphs"])
    )
    for _ in range(100 if asked else 10):
        await asyncio.sleep(0.05)
        if (await ledger.get(job.job_id)).cancel_requested:
            break
    assert (await ledger.get(job.job_id)).cancel_requested is asked
    del world.handler.running[job.job_id]  # it ends
    async with get_client() as client:
        for _ in range(100 if asked else 5):
            await asyncio.sleep(0.05)
            if (told := (await client.read_flow_run(run.id)).state) is not None and told.is_cancelled():
                break
    looking.cancel()
    assert told is not None and told.is_cancelled() is asked
