"""What waits and runs in each queue, read from the jobs themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.context import GatewayContext
from spine.contracts.graphs import QueueState
from spine.contracts.jobs import RUNNING_STATUSES, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS
from spine.graphs import QUEUE as GRAPHS
from spine.graphs import GraphDesk
from spine.jobs import from_document
from spine.presence import LaneStatus

WAITING: Final = [str(JobStatus.PENDING), str(JobStatus.RETRY)]
_RUNNING: Final = [str(status) for status in RUNNING_STATUSES]
_MINUTE: Final = timedelta(minutes=1)


class QueueFigures(BaseModel):
    """One queue now."""

    queue: str = Field(examples=["llm", "queue:intent_validator"])
    module: str | None = Field(default=None, description="of a graph, whose queue this is; null for a queue of jobs")
    graphs: list[str] = Field(default_factory=list, description="that have this module")
    depth: int = Field(description="jobs that wait, those that wait for their next attempt included")
    oldest_age: float = Field(default=0.0, description="seconds since the oldest of them came; 0 when none waits")
    in_flight: int = Field(description="jobs that run")
    rate_per_minute: int = Field(default=0, description="jobs that ended in the last minute, however they ended")
    lanes: list[str] = Field(description="lanes that serve it now; empty: nobody does")
    width: int = Field(default=0, description="jobs of it that those lanes run at once, together")


async def queue_figures(context: GatewayContext) -> list[QueueFigures]:
    """Every queue that is declared or served, in that order, then `queue:<module>` of every module of every graph."""
    lanes = await context.presence.lanes()
    names = dict.fromkeys([*context.queues, *(queue for lane in lanes for queue in lane.queues)])
    of_jobs, of_modules = await asyncio.gather(
        asyncio.gather(*(_figures(context, name, lanes) for name in names)),
        GraphDesk(context.documents, context.ledger, context.graphs).queues(),
    )
    serving = [lane for lane in lanes if GRAPHS in lane.queues]
    return [*of_jobs, *(_module_figures(state, serving) for state in of_modules.values())]


def _module_figures(state: QueueState, serving: list[LaneStatus]) -> QueueFigures:
    """What stands before a module lives inside of its graph's jobs, which say neither when it came nor when it went."""
    return QueueFigures(
        queue=state.queue,
        module=state.module,
        graphs=state.graphs,
        depth=state.waiting,
        in_flight=state.running,
        lanes=sorted({lane.name for lane in serving}),
    )


async def unserved_queues(context: GatewayContext, lanes: Iterable[LaneStatus]) -> list[str]:
    """Declared queues in which jobs wait and that none of the lanes serves."""
    served = {queue for lane in lanes for queue in lane.queues}
    others = [queue for queue in context.queues if queue not in served]
    waits = {"status": {"$in": WAITING}}
    depths = await asyncio.gather(*(context.documents.count(JOBS, {**waits, "queue": queue}) for queue in others))
    return [queue for queue, depth in zip(others, depths, strict=True) if depth]


async def is_queue(context: GatewayContext, name: str) -> bool:
    """Whether the queue is declared, served, or has ever had a job."""
    if name in context.queues or any(name in lane.queues for lane in await context.presence.lanes()):
        return True
    return bool(await context.documents.find(JOBS, {"queue": name}, limit=1))


async def _figures(context: GatewayContext, name: str, lanes: list[LaneStatus]) -> QueueFigures:
    documents, now = context.documents, utc_now()
    waits: dict[str, Any] = {"status": {"$in": WAITING}, "queue": name}
    depth, in_flight, ended, oldest = await asyncio.gather(
        documents.count(JOBS, waits),
        documents.count(JOBS, {"status": {"$in": _RUNNING}, "queue": name}),
        documents.count(JOBS, {"queue": name, "finished": {"$gte": iso(now - _MINUTE)}}),
        documents.find(JOBS, waits, sort=[("created", 1)], limit=1),
    )
    age = (now - from_document(oldest[0]).created).total_seconds() if oldest else 0.0
    serving = [lane for lane in lanes if name in lane.queues]
    return QueueFigures(
        queue=name,
        depth=depth,
        oldest_age=round(max(0.0, age), 3),
        in_flight=in_flight,
        rate_per_minute=ended,
        lanes=sorted({lane.name for lane in serving}),
        width=sum(lane.queues[name] for lane in serving),
    )
