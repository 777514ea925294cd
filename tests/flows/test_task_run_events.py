"""What Prefect's server learns of the task runs of a lane: every end, and the begin of those that take a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from uuid import UUID

import pytest
from prefect import flow, get_client, task, task_engine
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run

from deployments import task_run_events
from deployments.task_run_events import tell_only_what_matters
from tests.conftest import until


@pytest.fixture(autouse=True)
def told_what_matters(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    name = "emit_task_run_state_change_event"
    monkeypatch.setattr(task_engine, name, getattr(task_engine, name))  # put back afterwards
    monkeypatch.setattr(task_run_events, "HOLD_SECONDS", 0.3)
    tell_only_what_matters()
    yield
    EventsWorker.drain_all()


@task
async def brief() -> None: ...


@task(retries=1)
async def fails_once(tries: list[int]) -> None:
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("the first try")


@task
async def fails() -> None:
    raise ValueError("every try")


@task
async def until_seen(seen: Callable[[UUID], Awaitable[None]], run: UUID) -> None:
    await seen(run)


async def runs_of(flow_run_id: UUID) -> list[TaskRun]:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    async with get_client() as client:
        return await client.read_task_runs(flow_run_filter=wanted)


async def ended(flow_run_id: UUID, count: int) -> list[TaskRun]:
    found: list[TaskRun] = []

    async def all_ended() -> bool:
        found[:] = await runs_of(flow_run_id)
        return len(found) == count and all(run.state is not None and run.state.is_final() for run in found)

    await until(all_ended, within=60)
    return found


async def states_of(run: TaskRun) -> list[str]:
    async with get_client() as client:
        return [state.name or "" for state in await client.read_task_run_states(run.id)]


def this_run() -> UUID:
    return UUID(str(flow_run.get_id()))


async def test_of_a_brief_task_run_only_its_end_is_told_and_says_when_it_began() -> None:
    @flow
    async def one() -> UUID:
        await brief()
        return this_run()

    (run,) = await ended(await one(), 1)
    assert await states_of(run) == ["Completed"]
    assert run.start_time is not None and run.end_time is not None and run.start_time <= run.end_time
    assert run.run_count == 1


async def test_a_task_run_that_takes_a_while_is_shown_as_running_while_it_runs() -> None:
    async def seen(flow_run_id: UUID) -> None:
        async def shown() -> bool:
            return [run.state_name for run in await runs_of(flow_run_id)] == ["Running"]

        await until(shown, within=60)

    @flow
    async def one() -> UUID:
        await until_seen(seen, this_run())
        return this_run()

    (run,) = await ended(await one(), 1)
    assert await states_of(run) == ["Running", "Completed"]


async def test_failures_and_what_follows_them_are_told_at_once() -> None:
    @flow
    async def two() -> UUID:
        await fails_once([])
        with pytest.raises(ValueError, match="every try"):
            await fails()
        return this_run()

    told = sorted([await states_of(run) for run in await ended(await two(), 2)])
    assert told == [["Failed"], ["Retrying", "Completed"]]


async def test_the_end_of_a_cancelled_task_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_run_events, "HOLD_SECONDS", 600)
    begun = asyncio.Event()

    @task
    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    @flow
    async def one() -> UUID:
        running = asyncio.create_task(endless())
        await begun.wait()
        running.cancel()
        await asyncio.wait({running})
        return this_run()

    (run,) = await ended(await one(), 1)
    assert len(states := await states_of(run)) == 1 and states[0] != "Completed"


async def test_a_task_in_a_thread_has_no_loop_to_wait_in_and_is_told_to_run_at_once() -> None:
    @task
    def in_a_thread() -> None: ...

    @flow
    async def one() -> UUID:
        await asyncio.to_thread(in_a_thread)
        return this_run()

    (run,) = await ended(await one(), 1)
    assert await states_of(run) == ["Running", "Completed"]
