"""Looking for leftovers of one kind after the other, and removing what was found."""

from __future__ import annotations

from spine.contracts.timestamps import utc_now
from tasks.job_run import JobRun
from tasks.maintenance import steps
from tasks.maintenance.cleanup import KINDS
from tasks.maintenance.leftovers import Removal
from tasks.maintenance.policy import CleanupPolicy


async def clean(chore: JobRun, policy: CleanupPolicy, dry_run: bool) -> list[Removal]:
    """What was found and removed, by kind. A kind that fails (a folder that may not be written to, a store that is
    away) is told and stops no other; a dry run removes nothing."""
    removals: list[Removal] = []
    for done, kind in enumerate(KINDS):
        await chore.progress(100 * done / len(KINDS), kind)
        removal = await _clean(kind, policy, dry_run)
        if removal.problem:
            await chore.log(f"{kind} were not removed: {removal.problem}", "warning")
        removals.append(removal)
    return removals


async def _clean(kind: str, policy: CleanupPolicy, dry_run: bool) -> Removal:
    removal = Removal(kind=kind)
    try:
        removal.found = await steps.find_leftovers(kind, policy, utc_now())
        if removal.found and not dry_run:
            removal.removed = await steps.remove_leftovers(kind, removal.found)
    except Exception as error:  # told in the report
        removal.problem = f"{type(error).__name__}: {error}"
    return removal
