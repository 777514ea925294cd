"""The stack's jobs at a glance, every hour: a run that can be seen in Prefect and a job like any other."""

from __future__ import annotations

from prefect import flow

from tasks.job_run import TimeLimits
from tasks.maintenance.artifacts import show_table
from tasks.maintenance.chore import open_chore
from tasks.maintenance.job_counts import count_jobs
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=60, hard=120)


@flow(name="maintenance", flow_run_name="maintenance", persist_result=False)
async def maintenance() -> dict[str, int]:
    """Count the jobs by status, and those that wait for a lane.

    Taking up what was left behind is the lanes' sweeper's work; this run shows whether it keeps up. Returns the
    number of jobs by status, of `lost` and of `overdue` ones.
    """
    async with open_run_services() as services, open_chore(services, "maintenance", LIMITS) as chore:
        counts = await count_jobs(services.documents)
        rows = [{"what": what, "jobs": number} for what, number in counts.items()]
        await show_table("jobs-by-status", rows, "Jobs by status")
        chore.result = dict(counts)
    return counts
