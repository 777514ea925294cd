"""How much work waits or runs in each queue, as the lanes' scaling asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deployments.stack.health import quick_redis
from deployments.stack.lane_scaler import QueueDepth


def docket_depths(redis_url: Callable[[], str], queues: Sequence[str]) -> QueueDepth:
    """Messages of each queue's docket that wait, run or are scheduled. Nothing stays open between two calls."""

    async def depths() -> dict[str, int]:
        from docket import Docket

        from spine.adapters.docket_queue import docket_name

        url, names = redis_url(), list(dict.fromkeys(queues))
        # The dockets are asked for their keys only: an opened one keeps connections and tasks of its own.
        dockets = [Docket(name=docket_name(queue), url=url) for queue in names]
        async with (
            quick_redis(url) as client,
            client.pipeline(transaction=False) as pipe,
        ):
            for docket in dockets:
                pipe.xlen(docket.stream_key)
                pipe.zcard(docket.queue_key)
            counts: list[int] = await pipe.execute()
        return {name: counts[2 * place] + counts[2 * place + 1] for place, name in enumerate(names)}

    return depths
