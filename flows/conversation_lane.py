"""The run in which the live lane answers messages: one after the other, each open for a few minutes."""

from __future__ import annotations

from prefect import flow

from tasks.shift import serve_shift


@flow(name="conversation_lane", flow_run_name="conversations of {worker}", persist_result=False)
async def conversation_lane(worker: str) -> dict[str, int]:
    """Stay open while the lane `worker` runs messages inside; returns how many `items` it ran.

    Opened and closed by the lane (`deployments.rolling`), never by hand.
    """
    return await serve_shift()
