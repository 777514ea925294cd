"""The run in which a lane walks graphs: one after the other, each open for a few minutes."""

from __future__ import annotations

from prefect import flow

from tasks.shift import serve_shift


@flow(name="graph_lane", flow_run_name="graphs of {worker}", persist_result=False)
async def graph_lane(worker: str) -> dict[str, int]:
    """Stay open while the lane `worker` runs the modules of graph jobs inside; returns how many `items` it ran.

    Opened and closed by the lane (`deployments.rolling`), never by hand.
    """
    return await serve_shift()
