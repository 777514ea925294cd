"""A whole backlog in the hands of coding agents: one summary job, the cards as ordinary runs."""

from __future__ import annotations

from typing import Any, cast

from prefect import flow

from flows.card_execution import card_execution
from spine.contracts.cards import BacklogOrder, BacklogResult, Mode
from spine.contracts.jobs import Job
from tasks.card_execution.backlog_run import open_backlog
from tasks.job_run import assigned
from tasks.opening import open_run_services


@flow(name="run_backlog", flow_run_name="backlog, {mode}", persist_result=False)
async def run_backlog(
    squad: str | None = None,
    mode: Mode = "dependencies",
    concurrency: int = 4,
    card_ids: list[str] | None = None,
) -> BacklogResult:
    """Run the cards that are PENDING or BLOCKED, each after those it depends on, urgent ones first.

    Works with no server running as well: `await run_backlog()`; the agents then run here.

    Args:
        squad: Only the cards of this squad.
        mode: sequence, parallel, groups or dependencies (docs/card_execution.md).
        concurrency: So many cards at once, 1 to 64; the lanes have limits of their own.
        card_ids: These cards, instead of all that wait.
    """
    order = BacklogOrder(squad=squad, mode=mode, concurrency=concurrency)
    async with open_run_services() as services, open_backlog(services, order, card_ids) as running:
        return await running.finish_all(run_card_here)


async def run_card_here(job: Job) -> None:
    """Run one leased card in this process."""
    with assigned(job):
        await cast(Any, card_execution)(**job.params)
