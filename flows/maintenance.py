"""Housekeeping of the stack: what the sweeper does every few seconds, as a run that can be scheduled and seen."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import acreate_table_artifact

from spine.documents import JOBS
from tasks.opening import open_run_services


@flow(name="maintenance", flow_run_name="maintenance", persist_result=False)
async def maintenance() -> dict[str, int]:
    """Count the jobs by status and end the leases of those whose process was lost.

    Returns the number of jobs by status, plus `restarted` and `dead` of this round.
    """
    async with open_run_services() as services:
        swept = await services.ledger.sweep()
        counts: dict[str, int] = {"restarted": len(swept.restart), "dead": len(swept.dead)}
        for status in ("PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "DEAD"):
            counts[status] = await services.documents.count(JOBS, {"status": status})
    await acreate_table_artifact(
        key="jobs-by-status", table=[{"what": what, "jobs": number} for what, number in counts.items()]
    )
    return counts
