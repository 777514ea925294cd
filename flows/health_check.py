"""Every five minutes: do the stores answer, and is somebody there who runs conversations?"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.conversation.health import check_health
from tasks.job_run import TimeLimits
from tasks.maintenance.chore import open_chore
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=45, hard=60)


@flow(name="health_check", flow_run_name="health check", persist_result=False)
async def health_check() -> dict[str, Any]:
    """Ask the stores from here, and the live lane by a job that it has to run. The run fails when either is unwell.

    Returns what each reaches; the lane's part is null where there is no queue.
    """
    async with open_run_services() as services, open_chore(services, "health_check", LIMITS) as chore:
        chore.result = await check_health(services, chore)
    return chore.result
