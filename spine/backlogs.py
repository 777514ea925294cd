"""Running a backlog: which cards are taken, the job that sees to them, and where each of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spine.cards import CardDesk, card_from
from spine.contracts.cards import BacklogOrder, BacklogResult, CardLine, CardRecord, CardStatus
from spine.contracts.jobs import Job
from spine.documents import CARDS, JOBS
from spine.errors import ConflictError
from spine.jobs import JobLedger, from_document
from spine.ports import Documents

RUN_BACKLOG = "run_backlog"
QUEUE = "batches"
"""Where summary jobs wait for others without standing in their way."""

MAX_ATTEMPTS = 10
"""A summary job costs nothing to resume and may run for hours, over many restarts."""

_TAKEN = (CardStatus.PENDING, CardStatus.BLOCKED)


class BacklogDesk:
    """Backlog runs over `documents` and `ledger`. Holds nothing between calls."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger
        self.cards = CardDesk(documents, ledger)

    async def accept(self, order: BacklogOrder, *, idempotency_key: str | None = None) -> tuple[Job, bool]:
        """A job that runs what is PENDING or BLOCKED now; a known idempotency key gives the job that it made.

        `ConflictError` when there is nothing to run.
        """
        key = f"backlog:{idempotency_key}" if idempotency_key else None
        if key and (known := await self._ledger.by_key(key)):
            return known, False
        params = {**order.model_dump(mode="json"), "card_ids": await self.selected(order)}
        return await self._ledger.create(
            RUN_BACKLOG,
            order.squad or "backlog",
            idempotency_key=key,
            params=params,
            queue=QUEUE,
            max_attempts=MAX_ATTEMPTS,
        )

    async def selected(self, order: BacklogOrder) -> list[str]:
        """Cards that a run of this order takes; `ConflictError` when there is none."""
        chosen = [card.card_id for card in await self.cards.all(order.squad) if card.status in _TAKEN]
        if not chosen:
            where = f"of squad {order.squad}" if order.squad is not None else "of the backlog"
            raise ConflictError(f"No card {where} is PENDING or BLOCKED; load cards, or retry those that FAILED.")
        return chosen

    async def some(self, card_ids: Sequence[str]) -> list[CardRecord]:
        """The cards that there (still) are, in the order in which they came."""
        found = await self._documents.find(CARDS, {"_id": {"$in": [*card_ids]}}, sort=[("created", 1)])
        return [card_from(document) for document in found]

    async def children(self, job: Job) -> dict[str, Job]:
        """Card → the job that this run started for it."""
        found = await self._documents.find(JOBS, {"parent_job_id": job.job_id})
        return {child.subject_id: child for child in map(from_document, found)}

    async def result(self, job: Job, card_ids: Sequence[str], blocked: Mapping[str, str]) -> BacklogResult:
        """How many came to what, and where each card stands."""
        children = await self.children(job)
        items = [
            CardLine(
                card_id=card.card_id,
                title=card.title,
                status=CardStatus.BLOCKED if card.card_id in blocked else card.status,
                reason=blocked.get(card.card_id, card.reason),
                job_id=children[card.card_id].job_id if card.card_id in children else None,
            )
            for card in await self.some(card_ids)
        ]
        counts = {status: sum(item.status is status for item in items) for status in CardStatus}
        return BacklogResult(
            total=len(items),
            done=counts[CardStatus.DONE],
            failed=counts[CardStatus.FAILED],
            blocked=counts[CardStatus.BLOCKED],
            items=items,
        )
