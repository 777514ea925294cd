"""The tasks of housekeeping: one effect worth retrying each, never answered from a cache."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefect import task

from spine.services import current_services
from tasks.book_review.fetching import ProductPage, read_product
from tasks.maintenance.cleanup import KINDS
from tasks.maintenance.leftovers import Leftover
from tasks.maintenance.policy import CleanupPolicy
from tasks.retrying import RETRIED, TaskOptions, obeys_retry_after

_AFRESH: TaskOptions = {**RETRIED, "persist_result": False}


@task(name="read product page again", task_run_name="read {url}", **_AFRESH)
@obeys_retry_after
async def read_again(url: str) -> ProductPage:
    return await read_product(current_services(), url)


@task(name="find leftovers", task_run_name="look for {kind}", **_AFRESH)
async def find_leftovers(kind: str, policy: CleanupPolicy, now: datetime) -> list[Leftover]:
    return await KINDS[kind].find(current_services(), policy, now)


@task(name="remove leftovers", task_run_name="remove {kind}", **_AFRESH)
async def remove_leftovers(kind: str, found: Sequence[Leftover]) -> int:
    """How many there still were."""
    return await KINDS[kind].remove(current_services(), found)
