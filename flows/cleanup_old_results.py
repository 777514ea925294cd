"""What can be had again, or was replaced, goes after its time; what it was is told."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.job_run import TimeLimits
from tasks.maintenance.artifacts import show_table
from tasks.maintenance.chore import open_chore
from tasks.maintenance.cleaning import clean
from tasks.maintenance.cleanup import cleanup_result, cleanup_rows
from tasks.maintenance.policy import CleanupPolicy
from tasks.opening import open_run_services

LIMITS = TimeLimits(soft=20 * 60, hard=30 * 60)


@flow(name="cleanup_old_results", flow_run_name="cleanup", persist_result=False)
async def cleanup_old_results(dry_run: bool = False, policy: CleanupPolicy | None = None) -> dict[str, Any]:
    """Remove results, progress, logs and revisions of articles that are older than the policy keeps them.

    Returns what was found and removed, by kind; the same stands in the job's result and, thing by thing, in a table.

    Args:
        dry_run: Say what would be removed, and remove nothing.
        policy: How long what is kept; what is not given comes from `MILLRACE_KEEP_*`, else from the defaults.
    """
    policy = policy or CleanupPolicy()
    params = {"dry_run": dry_run, "policy": policy.model_dump(mode="json")}
    async with open_run_services() as services, open_chore(services, "cleanup_old_results", LIMITS, **params) as chore:
        removals = await clean(chore, policy, dry_run)
        await show_table("cleanup", cleanup_rows(removals, dry_run), "What was removed, or would be in a dry run")
        chore.result = cleanup_result(removals, dry_run)
    return chore.result
