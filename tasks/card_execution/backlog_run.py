"""One attempt of a backlog run: its cards as ordinary runs, as many at once as the mode allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from spine.backlogs import MAX_ATTEMPTS, QUEUE, RUN_BACKLOG, BacklogDesk
from spine.card_order import in_order, next_cards
from spine.contracts.cards import BacklogOrder, BacklogResult, CardRecord, CardStatus
from spine.contracts.jobs import Job
from spine.errors import ConflictError
from spine.progress import announce_state
from spine.services import Services
from tasks.child_jobs import ChildJobs, RunJob, patiently
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run

STEP = "cards"
_ONE_CARD = 4 * 1_800.0 + 600.0  # seconds: four attempts of an agent, and the waits between them
_SETTLED = (CardStatus.DONE, CardStatus.FAILED)


@dataclass
class BacklogRun:
    """Which cards are still to do lives here and goes with the attempt; what was done is in the cards' own records."""

    run: JobRun
    desk: BacklogDesk
    order: BacklogOrder
    cards: list[CardRecord]
    status: dict[str, CardStatus] = field(default_factory=dict[str, CardStatus])
    blocked: dict[str, str] = field(default_factory=dict[str, str])
    running: dict[str, asyncio.Task[CardStatus]] = field(default_factory=dict[str, "asyncio.Task[CardStatus]"])

    async def finish_all(self, run_here: RunJob) -> BacklogResult:
        """Bring every card to its end; a resumed run finds those that have ended."""
        children = ChildJobs(self.run.services, run_here)
        try:
            while await self._advance(children):
                pass
        except asyncio.CancelledError:
            if self.run.cancel_requested:
                await self._stop_children()
            raise
        finally:
            for waiting in self.running.values():
                waiting.cancel()
            await asyncio.gather(*self.running.values(), return_exceptions=True)
        result = await self.desk.result(self.run.job, [card.card_id for card in self.cards], self.blocked)
        self.run.result = result.model_dump(mode="json")
        return result

    async def _advance(self, children: ChildJobs) -> bool:
        """Start what may start and wait for the next end; False when nothing is left."""
        step = next_cards(self.cards, self.status, {*self.running}, self.order.mode, self.order.concurrency)
        for card_id, reason in step.blocked.items():
            await self.desk.cards.block(card_id, reason)
            self.blocked[card_id] = reason
            await self._ended(card_id, CardStatus.BLOCKED, reason)
        for card_id in step.start:
            self.running[card_id] = asyncio.create_task(self._bring(card_id, children), name=f"card {card_id}")
        if not self.running:
            return bool(step.blocked)
        if not step.blocked:
            await asyncio.wait(self.running.values(), return_when=asyncio.FIRST_COMPLETED)
        for card_id in [id for id, task in self.running.items() if task.done()]:
            await self._ended(card_id, self.running.pop(card_id).result())
        return True

    async def _ended(self, card_id: str, status: CardStatus, reason: str = "") -> None:
        self.status[card_id] = status
        done = sum(self.status[card.card_id] is not CardStatus.PENDING for card in self.cards)
        told = f"{card_id}: {status}{f', {reason}' if reason else ''} ({done} of {len(self.cards)})"
        await self.run.progress(100 * done / len(self.cards), STEP, told)

    async def _bring(self, card_id: str, children: ChildJobs) -> CardStatus:
        """Run the card, or wait for the run that somebody else has begun, and say how it stands then."""
        desk, key, parent = self.desk.cards, f"{self.run.job.job_id}:{card_id}", self.run.job.job_id
        try:
            job = await patiently(partial(desk.run, card_id, idempotency_key=key, parent_job_id=parent))
        except ConflictError as error:
            await self.run.log(f"{card_id}: {error}", "warning")
            return await self._kept_from(card_id, error.message, children)
        await children.finish(job)
        status = (await patiently(partial(desk.get, card_id))).status
        return status if status in _SETTLED else CardStatus.FAILED

    async def _kept_from(self, card_id: str, reason: str, children: ChildJobs) -> CardStatus:
        """A run that holds the card is waited for. Where none does, a card that it depends on was taken up again."""
        desk = self.desk.cards
        card = await patiently(partial(desk.get, card_id))
        if card.job_id is not None:
            await children.finish(await patiently(partial(desk.latest_run, card_id)))
            card = await patiently(partial(desk.get, card_id))
        if card.status in _SETTLED:
            return card.status
        await patiently(partial(desk.block, card_id, reason))
        self.blocked[card_id] = reason
        return CardStatus.BLOCKED

    async def _stop_children(self) -> None:
        """Agents are expensive: a cancelled backlog ends what runs, too."""
        ledger = self.run.services.ledger
        for child in (await self.desk.children(self.run.job)).values():
            with suppress(ConflictError):
                stopped = await ledger.cancel(child.job_id)
                if stopped.status.is_final:
                    await self.desk.cards.job_ended_outside(stopped, "The backlog run was cancelled before it began.")
                    await announce_state(self.run.services.progress, stopped, "the backlog run was cancelled")


@asynccontextmanager
async def open_backlog(
    services: Services, order: BacklogOrder, card_ids: list[str] | None
) -> AsyncGenerator[BacklogRun]:
    """The run that the lane assigned to this flow, else a new one of the cards named, or of all that wait."""
    desk = BacklogDesk(services.documents, services.ledger)
    job = assigned_job() or await _adopt(services, desk, order, card_ids)
    cards = await desk.some(job.params["card_ids"])
    known = await desk.some(sorted({needed for card in cards for needed in card.depends_on}))
    status = {card.card_id: card.status for card in known}
    status |= {one.card_id: one.status if one.status in _SETTLED else CardStatus.PENDING for one in cards}
    ordered = [card for card in in_order(cards) if isinstance(card, CardRecord)]
    async with job_run(services, job, _limits(len(cards))) as run:
        yield BacklogRun(run, desk, order, ordered, status)


async def _adopt(services: Services, desk: BacklogDesk, order: BacklogOrder, card_ids: list[str] | None) -> Job:
    chosen = card_ids if card_ids is not None else await desk.selected(order)
    return await adopt_job(
        services.ledger,
        services.worker,
        pipeline=RUN_BACKLOG,
        subject_id=order.squad or "backlog",
        params={**order.model_dump(mode="json"), "card_ids": chosen},
        queue=QUEUE,
        max_attempts=MAX_ATTEMPTS,
    )


def _limits(cards: int) -> TimeLimits:
    """As long as all cards may take one after the other."""
    hard = _ONE_CARD * (cards + 1)
    return TimeLimits(soft=hard * 0.9, hard=hard)
