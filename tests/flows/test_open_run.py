"""Jobs that share a long-lived flow run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prefect import flow
from prefect.runtime import flow_run

from flows.graph_lane import graph_lane
from spine.contracts.jobs import JobStatus
from tasks.open_run import OpenRuns, hold_open, keeping_runs_open
from tests.flows.graph_world import GraphWorld
from tests.flows.test_book_review import MakeWorld


async def its_run() -> str:
    await asyncio.sleep(0.01)
    return str(flow_run.get_id())


async def test_work_runs_inside_one_flow_run_until_it_is_replaced() -> None:
    runs = OpenRuns(graph_lane, most_jobs=3)

    together = await asyncio.gather(*(runs.call(its_run) for _ in range(3)))
    later = await runs.call(its_run)
    await runs.close()

    assert len(set(together)) == 1 and later not in together
    assert runs._old == set()  # pyright: ignore[reportPrivateUsage]


async def test_a_replaced_run_ends_with_the_last_work_in_it() -> None:
    runs, may_end = OpenRuns(graph_lane, most_jobs=1), asyncio.Event()

    async def long() -> str:
        await may_end.wait()
        return await its_run()

    first = asyncio.create_task(runs.call(long))
    second = await runs.call(its_run)
    may_end.set()

    assert await first != second
    await runs.close()


async def test_an_error_of_the_work_is_its_callers_and_the_run_goes_on() -> None:
    runs = OpenRuns(graph_lane)

    async def fails() -> str:
        raise ValueError("of the work")

    before = await runs.call(its_run)
    with pytest.raises(ValueError, match="of the work"):
        await runs.call(fails)
    assert await runs.call(its_run) == before
    await runs.close()


async def test_a_run_that_cannot_be_opened_fails_those_who_wait_and_is_tried_again() -> None:
    down = True

    @flow(name="sometimes", persist_result=False)
    async def sometimes() -> int:
        if down:
            raise ConnectionError("no server")
        return await hold_open()

    runs = OpenRuns(sometimes)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await runs.call(its_run)
    down = False
    assert await runs.call(its_run)
    await runs.close()


async def test_cancelling_the_caller_cancels_its_work() -> None:
    runs, stopped = OpenRuns(graph_lane), asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            stopped.set()

    await runs.call(its_run)
    caller = asyncio.create_task(runs.call(endless))
    await asyncio.sleep(0.05)
    caller.cancel()
    await asyncio.wait_for(stopped.wait(), 5)
    await runs.close()


async def test_graph_jobs_of_a_lane_share_its_flow_run(make_world: MakeWorld, tmp_path: Path) -> None:
    graphs = GraphWorld(await make_world(), tmp_path)
    graphs.module("only")
    graphs.graph("single", {"only": []})

    async with keeping_runs_open(graph_lane):
        jobs = await asyncio.gather(*(graphs.run("single") for _ in range(5)))

    records = [await graphs.services.ledger.get(job.job_id) for job in jobs]
    assert {job.status for job in jobs} == {JobStatus.SUCCESS}
    assert len({record.flow_run_id for record in records}) == 1
