"""Every hour: which conversations became long or idle, so that their older turns belong into a summary?"""

from __future__ import annotations

from prefect import flow

from spine.contracts.timestamps import utc_now
from tasks.conversation.summarizing import start_due_summaries
from tasks.job_run import TimeLimits
from tasks.maintenance.chore import open_chore
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=5 * 60, hard=10 * 60)


@flow(name="check_summaries", flow_run_name="check summaries", persist_result=False)
async def check_summaries() -> dict[str, int]:
    """Start a job for every session that is due for a summary. Running it twice starts nothing twice.

    Returns the numbers of sessions looked at, due, and started.
    """
    async with open_run_services() as services, open_chore(services, "check_summaries", LIMITS) as chore:
        counts = await start_due_summaries(services, utc_now())
        chore.result = dict(counts)
    return counts
