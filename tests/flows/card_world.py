"""A backlog in memory, with agents that play what was written down for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from spine.backlogs import BacklogDesk
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import AgentPolicy, BacklogOrder, Card, CardRecord
from spine.contracts.jobs import Job
from spine.documents import JOBS
from spine.testing.scripted_agents import Choose, Play, ScriptedAgents
from tests.flows.conftest import World

LONG_AGO = "2020-01-01T00:00:00.000Z"


@dataclass
class CardWorld:
    """Load cards, run their jobs here, look at what is stored."""

    world: World
    agents: ScriptedAgents

    @property
    def desk(self) -> CardDesk:
        return CardDesk(self.world.services.documents, self.world.services.ledger)

    @property
    def backlogs(self) -> BacklogDesk:
        return BacklogDesk(self.world.services.documents, self.world.services.ledger)

    @property
    def runs(self) -> CardRuns:
        return CardRuns(self.world.services.documents)

    async def load(self, *cards: str | dict[str, Any]) -> None:
        """Cards by their ids, or by their fields."""
        fields = [{"card_id": one} if isinstance(one, str) else one for one in cards]
        await self.desk.load([Card.model_validate({"title": f"Do {one['card_id']}", **one}) for one in fields])

    async def run(self, card_id: str, agent: str | None = None) -> tuple[CardRecord, Job]:
        """A new run of the card, to the end of its first attempt."""
        job = await self.world.run(await self.desk.run(card_id, agent))
        return await self.desk.get(card_id), job

    async def again(self, job: Job) -> tuple[CardRecord, Job]:
        """The job's next attempt, as if its time had come."""
        job = await self.world.run(job)
        return await self.desk.get(job.subject_id), job

    async def run_backlog(self, **order: Any) -> Job:
        job, _ = await self.backlogs.accept(BacklogOrder.model_validate(order))
        return await self.world.run(job)

    async def lose_process(self, job: Job) -> Job:
        """As kill -9 leaves it: running by its record, and nobody renews the lease. Gives the job as swept."""
        lost = {"status": "PROGRESS", "lease_until": LONG_AGO}
        await self.world.services.documents.update(JOBS, {"_id": job.job_id}, set=lost)
        await self.world.services.ledger.sweep()
        return await self.world.services.ledger.get(job.job_id)

    async def policy(self, **changes: Any) -> None:
        await self.desk.set_policy(AgentPolicy.model_validate(changes))

    async def events(self, job: Job, kind: str) -> list[Any]:
        return [event for event in await self.world.services.progress.read(job.job_id) if event.type == kind]

    def running(self, job: Job) -> asyncio.Task[Job]:
        return asyncio.create_task(self.world.run(job))


async def card_world(
    make_world: Callable[..., Awaitable[World]], *plays: Play, choose: Choose | None = None
) -> CardWorld:
    world = await make_world()
    agents = ScriptedAgents(*plays, choose=choose)
    world.services.agents = agents
    return CardWorld(world, agents)
