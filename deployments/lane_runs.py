"""In which flow run a lane's job runs: small jobs share an open one, every other job has its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from deployments.rolling import OpenFlow, RollingRun
from spine.contracts.jobs import Job
from spine.graphs import QUEUE as GRAPHS
from spine.live_queues import LIVE_QUEUES

Surround = Callable[[Job, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Runs the work of a job where it belongs."""


async def plainly(job: Job, work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()


def rolling_flows() -> Mapping[str, OpenFlow]:
    """The queues whose jobs run inside a shared flow run, with its flow."""
    from flows.conversation_lane import conversation_lane
    from flows.graph_lane import graph_lane

    return {**{queue.name: conversation_lane for queue in LIVE_QUEUES}, GRAPHS: graph_lane}


@asynccontextmanager
async def lane_runs(queues: Iterable[str], worker: str) -> AsyncGenerator[Surround]:
    """Open what the queues share; it ends with the block, what runs in it included."""
    flows = {queue: flow for queue, flow in rolling_flows().items() if queue in set(queues)}
    async with AsyncExitStack() as stack:
        runs: dict[int, RollingRun] = {}
        for flow in flows.values():
            if id(flow) not in runs:
                runs[id(flow)] = await stack.enter_async_context(RollingRun(flow, parameters={"worker": worker}))

        async def surround(job: Job, work: Callable[[], Awaitable[Any]]) -> Any:
            flow = flows.get(job.queue)
            if flow is None:
                return await work()
            return await runs[id(flow)].run(work, name=f"work of {job.job_id}")

        yield surround
