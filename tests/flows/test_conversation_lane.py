"""The live lane's flow run: what runs inside it is recorded as its tasks."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect import get_client, task
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run as prefect_flow_run

from deployments.rolling import RollingRun
from flows.conversation_lane import conversation_lane
from tests.conftest import until


@task
async def answer(number: int) -> tuple[int, str]:
    return number, prefect_flow_run.get_id()


async def test_tasks_of_many_messages_belong_to_the_open_run_and_it_ends_completed() -> None:
    async with RollingRun(conversation_lane, parameters={"worker": "live@test"}) as run:
        answers = await asyncio.gather(*(run.run(lambda n=n: answer(n)) for n in range(20)))
        flow_run_id = run.flow_run_id
    assert flow_run_id
    assert [number for number, _ in answers] == list(range(20))
    assert {within for _, within in answers} == {flow_run_id}
    async with get_client() as client:
        ended = await client.read_flow_run(UUID(flow_run_id))
        assert ended.state is not None and ended.state.is_completed()
        assert (ended.name, ended.parameters) == ("conversations of live@test", {"worker": "live@test"})

        async def recorded() -> bool:
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)]))
            return len(await client.read_task_runs(flow_run_filter=wanted)) == 20

        await until(recorded, within=20)
