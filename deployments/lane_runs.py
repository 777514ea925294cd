"""In which flow run a lane's job runs: small jobs share an open one, every other job has its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
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
async def lane_runs(queues: Iterable[str], worker: str) -> AsyncGenerator[LaneRuns]:
    """Open what the queues share; it ends with the block, what runs in it included."""
    queues = set(queues)
    flows = {queue: flow for queue, flow in rolling_flows().items() if queue in queues}
    async with AsyncExitStack() as stack:
        opened: dict[int, RollingRun] = {}
        for flow in flows.values():
            if id(flow) not in opened:
                opened[id(flow)] = await stack.enter_async_context(RollingRun(flow, parameters={"worker": worker}))
        yield LaneRuns({queue: opened[id(flow)] for queue, flow in flows.items()}, shares_all=flows.keys() == queues)


@dataclass(frozen=True, slots=True)
class LaneRuns:
    """A `Surround`: the open run of each queue that has one."""

    runs: Mapping[str, RollingRun]
    shares_all: bool
    """Whether every queue of the lane has one."""

    async def __call__(self, job: Job, work: Callable[[], Awaitable[Any]]) -> Any:
        run = self.runs.get(job.queue)
        if run is None:
            return await work()
        return await run.run(work, name=f"work of {job.job_id}")

    def shared_run(self) -> str | None:
        """The flow run that the lane's jobs begin in now; None when not all of them share one."""
        open_runs = {run.flow_run_id for run in self.runs.values()}
        return (open_runs.pop() or None) if self.shares_all and len(open_runs) == 1 else None
