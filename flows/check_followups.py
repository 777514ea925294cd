"""Every quarter of an hour: which silent conversations are due for a follow-up?"""

from __future__ import annotations

from prefect import flow

from spine.contracts.timestamps import utc_now
from tasks.conversation.following_up import start_due_followups
from tasks.job_run import TimeLimits
from tasks.maintenance.chore import open_chore
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=5 * 60, hard=10 * 60)


@flow(name="check_followups", flow_run_name="check follow-ups", persist_result=False)
async def check_followups() -> dict[str, int]:
    """Start a job for every follow-up that is due. Running it twice, or twice at once, starts nothing twice.

    Returns the numbers of sessions looked at, due, and started.
    """
    async with open_run_services() as services, open_chore(services, "check_followups", LIMITS) as chore:
        counts = await start_due_followups(services, utc_now())
        chore.result = dict(counts)
    return counts
