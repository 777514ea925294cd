"""The flow run in which a live lane runs graph jobs; started by the lane, replaced every quarter of an hour."""

from __future__ import annotations

from prefect import flow

from tasks.open_run import hold_open


@flow(name="graph_lane", persist_result=False)
async def graph_lane() -> int:
    """Stay open for the modules of graph jobs, which are tasks in it. Gives how many jobs it served."""
    return await hold_open()
