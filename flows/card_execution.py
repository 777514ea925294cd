"""From a backlog card to work that was done by a coding agent and verified."""

from __future__ import annotations

from prefect import flow

from spine.contracts.cards import CardResult
from tasks.card_execution.attempt import open_card
from tasks.card_execution.stages import CardStages
from tasks.opening import open_run_services


@flow(name="card_execution", flow_run_name="card {card_id}", persist_result=False)
async def card_execution(card_id: str, agent: str | None = None) -> CardResult:
    """Let a coding agent do a card of the backlog, and verify what it did.

    Works with no server running as well: `await card_execution("CARD-1")`, on a card that was loaded before.

    Args:
        card_id: A card of the backlog.
        agent: A preset or a saved Agent Command block; without it the card, the rules and the default decide.
    """
    async with open_run_services() as services, open_card(services, card_id, agent) as work:
        stages = CardStages(work)
        if settled := stages.settled():
            return settled
        await stages.take_over()
        chosen = await stages.select_agent()
        workdir = await stages.begin()
        ended = await stages.run_agent(chosen, workdir)
        verdict = await stages.verify(workdir)
        return await stages.finish(chosen, workdir, ended, verdict)
