"""The kinds of leftovers, where each is looked for and how it is removed, and the report of a cleanup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from spine.services import Services
from tasks.maintenance.leftovers import Leftover, Removal
from tasks.maintenance.old_card_logs import old_card_logs, remove_card_logs
from tasks.maintenance.old_files import RESULT, ROTATED_LOG, old_files, remove_files
from tasks.maintenance.old_revisions import old_revisions, remove_revisions
from tasks.maintenance.old_streams import old_streams, remove_streams
from tasks.maintenance.policy import CleanupPolicy

LONGEST_TABLE = 200
"""Rows of the report's table; the counts are complete."""

Find = Callable[[Services, CleanupPolicy, datetime], Awaitable[list[Leftover]]]
Remove = Callable[[Services, Sequence[Leftover]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of leftovers is found, and how those that were found are removed."""

    find: Find
    remove: Remove


async def _find_results(services: Services, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    return await asyncio.to_thread(old_files, results_folder(), RESULT, timedelta(days=policy.result_days), now)


async def _remove_results(services: Services, found: Sequence[Leftover]) -> int:
    return await asyncio.to_thread(remove_files, results_folder(), found)


async def _find_logs(services: Services, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    folder, kept = logs_folder(services), timedelta(days=policy.log_days)
    return await asyncio.to_thread(old_files, folder, ROTATED_LOG, kept, now)


async def _remove_logs(services: Services, found: Sequence[Leftover]) -> int:
    return await asyncio.to_thread(remove_files, logs_folder(services), found)


async def _find_streams(services: Services, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    return await old_streams(services.documents, services.progress, timedelta(hours=policy.progress_hours), now)


async def _remove_streams(services: Services, found: Sequence[Leftover]) -> int:
    return await remove_streams(services.progress, found)


async def _find_revisions(services: Services, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    return await old_revisions(services.documents, policy, now)


async def _remove_revisions(services: Services, found: Sequence[Leftover]) -> int:
    return await remove_revisions(services.documents, found)


async def _find_card_logs(services: Services, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    kept = timedelta(days=policy.card_log_days)
    return await asyncio.to_thread(old_card_logs, services.settings.home / "cards", kept, now)


async def _remove_card_logs(services: Services, found: Sequence[Leftover]) -> int:
    return await asyncio.to_thread(remove_card_logs, services.settings.home / "cards", found)


KINDS: Mapping[str, Kind] = {
    "result files": Kind(_find_results, _remove_results),
    "progress streams": Kind(_find_streams, _remove_streams),
    "rotated logs": Kind(_find_logs, _remove_logs),
    "article revisions": Kind(_find_revisions, _remove_revisions),
    "card logs": Kind(_find_card_logs, _remove_card_logs),
}


def results_folder() -> Path:
    """Where Prefect keeps results of tasks that run without the Redis block."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

    return Path(PREFECT_LOCAL_STORAGE_PATH.value())


def logs_folder(services: Services) -> Path:
    return services.settings.home / "logs"


def cleanup_result(removals: Sequence[Removal], dry_run: bool) -> dict[str, Any]:
    """What the job says it did, by kind."""
    kinds = {
        one.kind: {"found": len(one.found), "removed": one.removed, "bytes": one.bytes}
        | ({"problem": one.problem} if one.problem else {})
        for one in removals
    }
    return {"dry_run": dry_run, "removed": sum(one.removed for one in removals), "kinds": kinds}


def cleanup_rows(removals: Sequence[Removal], dry_run: bool) -> list[dict[str, Any]]:
    """One row per kind that met a problem, then one per thing, at most `LONGEST_TABLE` in all."""
    done = "would be removed" if dry_run else "removed"
    problems = [
        {"kind": one.kind, "what": "", "why": one.problem, "bytes": 0, "done": "failed"}
        for one in removals
        if one.problem
    ]
    things = [
        {"kind": one.kind, "what": Path(item.name).name, "why": item.why, "bytes": item.bytes, "done": done}
        for one in removals
        if not one.problem
        for item in one.found
    ]
    return (problems + things)[:LONGEST_TABLE]
