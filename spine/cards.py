"""The card desk: loading a backlog, giving a card to an agent, and how each card stands.

A card is held by its latest run: `job_id` of the stored card, as long as that job has not ended. Taking a card is one
conditional write, so that two runs never hold the same card; nothing has to be released after a crash, because a job
that has ended holds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spine.backlog_file import check_dependencies
from spine.card_order import hindrance
from spine.contracts.cards import AgentPolicy, Card, CardRecord, CardStatus, LoadReport
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import CARD_POLICIES, CARDS, JOBS
from spine.errors import ConflictError, DuplicateError, NotFoundError
from spine.jobs import JobLedger, from_document
from spine.ports import Document, Documents

CARD_EXECUTION = "card_execution"
QUEUE = "cards"
POLICY = "default"

RETRYABLE = frozenset({JobStatus.FAILURE, JobStatus.DEAD, JobStatus.REVOKED, JobStatus.RETRY})
"""States of a run that a retry may follow without force."""


class CardDesk:
    """Cards in `documents`, their runs' jobs in `ledger`. Holds nothing between calls."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    # -- the backlog -------------------------------------------------------------------------------------

    async def load(self, cards: Sequence[Card]) -> LoadReport:
        """Store the cards, all of them or none: `InvalidInputError` names unknown dependencies and cycles.

        A card that is stored already keeps its state when its definition is the same, and is PENDING again when it is
        another; one that runs goes on with the definition that it began with.
        """
        stored = await self._behind(cards)
        check_dependencies(cards, {id: record.depends_on for id, record in stored.items()})
        report = LoadReport(loaded=len(cards))
        for card in cards:
            known = stored.get(card.card_id)
            if known is None:
                await self._create(card)
                report.created.append(card.card_id)
            elif known.definition == card:
                report.unchanged.append(card.card_id)
            else:
                await self._redefine(card)
                report.changed.append(card.card_id)
        return report

    async def _behind(self, cards: Sequence[Card]) -> dict[str, CardRecord]:
        """What is stored of the cards and of all that they wait for: a new cycle goes through nothing else."""
        replaced = {card.card_id for card in cards}
        wanted = replaced.union(*(card.depends_on for card in cards))
        stored: dict[str, CardRecord] = {}
        while wanted:
            found = [card_from(one) for one in await self._documents.find(CARDS, {"_id": {"$in": sorted(wanted)}})]
            stored |= {record.card_id: record for record in found}
            behind = {needed for record in found if record.card_id not in replaced for needed in record.depends_on}
            wanted = behind - stored.keys()
        return stored

    async def all(self, squad: str | None = None) -> list[CardRecord]:
        """Every card (of the squad), in the order in which they came."""
        where = {"squad": squad} if squad is not None else None
        return [card_from(one) for one in await self._documents.find(CARDS, where, sort=[("created", 1)])]

    async def get(self, card_id: str) -> CardRecord:
        document = await self._documents.get(CARDS, card_id)
        if document is None:
            raise NotFoundError(f"There is no card {card_id}.")
        return card_from(document)

    # -- running -----------------------------------------------------------------------------------------

    async def run(
        self,
        card_id: str,
        agent: str | None = None,
        *,
        definition: Card | None = None,
        idempotency_key: str | None = None,
        parent_job_id: str | None = None,
        force: bool = False,
    ) -> Job:
        """A new run of the card, with a `definition` as it is from now on; a known idempotency key gives the run that
        it made.

        `ConflictError` while another run holds the card (its definition then stays too), and, without `force`, while a
        card that it depends on is not DONE. `NotFoundError` without such a card. `DuplicateError` for a key that
        another run was made with.
        """
        key = f"card:{idempotency_key}" if idempotency_key else None
        if key and (known := await self._ledger.by_key(key)):
            await self._check_is_run_of(known, card_id, agent, definition)
            return known
        if definition is not None:
            if (stored := await self._documents.get(CARDS, card_id)) is not None:
                await self._check_is_free(card_from(stored))
            await self.load([definition])
        await self.startable(card_id, force=force)
        terms = await self.terms(card_id, agent)
        job, new = await self._ledger.create(idempotency_key=key, parent_job_id=parent_job_id, **terms)
        if new:
            await self._hold_or_revoke(card_id, job)
        return job

    async def _check_is_run_of(self, job: Job, card_id: str, agent: str | None, definition: Card | None) -> None:
        same = job.subject_id == card_id and job.params.get("agent") == agent
        if not same or (definition is not None and (await self.get(card_id)).definition != definition):
            raise DuplicateError("This Idempotency-Key was used for another run.")

    async def _check_is_free(self, card: CardRecord) -> None:
        if (holder := await self._holder(card)) is not None:
            raise ConflictError(f"Card {card.card_id} is held by {holder.job_id}, which is {holder.status}.")

    async def startable(self, card_id: str, *, force: bool = False) -> CardRecord:
        """The card, when a run may begin now; `ConflictError` says what is in the way."""
        card = await self.get(card_id)
        await self._check_is_free(card)
        if not force:
            await self.check_needs(card)
        return card

    async def check_needs(self, card: CardRecord) -> None:
        """`ConflictError` while a card that it depends on is not DONE."""
        needed = await self._documents.find(CARDS, {"_id": {"$in": card.depends_on}}) if card.depends_on else []
        status = {one["_id"]: CardStatus(one["status"]) for one in needed}
        if why := hindrance(card, status, set()):
            raise ConflictError(f"Card {card.card_id} cannot begin: it {why.removesuffix(' and no part of this run')}.")

    async def terms(self, card_id: str, agent: str | None) -> dict[str, Any]:
        """What the job of a run is made with, whoever makes it."""
        return {
            "pipeline": CARD_EXECUTION,
            "subject_id": card_id,
            "params": {"card_id": card_id, "agent": agent},
            "queue": QUEUE,
            "max_attempts": 1 + (await self.policy()).max_retries,
        }

    async def hold(self, card_id: str, job: Job) -> CardRecord:
        """Make the job the one that holds the card; again is no error. `ConflictError` while another one does."""
        while True:
            card = await self.get(card_id)
            if card.job_id == job.job_id:
                return card
            await self._check_is_free(card)
            taken = await self._documents.update(
                CARDS, {"_id": card_id, "job_id": card.job_id}, set={"job_id": job.job_id, "updated": iso(utc_now())}
            )
            if taken is not None:
                return card_from(taken)

    async def note(self, job: Job, status: CardStatus, reason: str = "") -> CardRecord | None:
        """Say how the card stands; None when this job does not hold it any more."""
        document = await self._documents.update(
            CARDS,
            {"_id": job.subject_id, "job_id": job.job_id},
            set={"status": str(status), "reason": reason, "updated": iso(utc_now())},
        )
        return card_from(document) if document is not None else None

    async def block(self, card_id: str, reason: str) -> None:
        """A card of a backlog that cannot be done; one that has begun or ended meanwhile is left alone."""
        open_ones = [str(CardStatus.PENDING), str(CardStatus.BLOCKED)]
        changes = {"status": str(CardStatus.BLOCKED), "reason": reason, "updated": iso(utc_now())}
        await self._documents.update(CARDS, {"_id": card_id, "status": {"$in": open_ones}}, set=changes)

    async def job_ended_outside(self, job: Job, reason: str) -> None:
        """A job ended with no flow to say so (given up, or cancelled while it waited)."""
        undecided = [str(CardStatus.PENDING), str(CardStatus.IN_PROGRESS)]
        await self._documents.update(
            CARDS,
            {"_id": job.subject_id, "job_id": job.job_id, "status": {"$in": undecided}},
            set={"status": str(CardStatus.FAILED), "reason": reason, "updated": iso(utc_now())},
        )

    # -- trying again ------------------------------------------------------------------------------------

    async def latest_run(self, card_id: str) -> Job:
        """The job of the card's latest run; `NotFoundError` when it has none."""
        card = await self.get(card_id)
        if card.job_id is None:
            raise NotFoundError(f"Card {card_id} has no run yet.")
        return await self._ledger.get(card.job_id)

    async def retryable(self, card_id: str, *, force: bool = False) -> Job:
        """The run that a retry would follow; `ConflictError` with its `.state` unless that allows it, or `force`."""
        job = await self.latest_run(card_id)
        if job.status not in RETRYABLE and not force:
            told = f"The run {job.job_id} of card {card_id} is {job.status}: it is retried with force only."
            raise ConflictError(told, state=str(job.status))
        return job

    # -- policy ------------------------------------------------------------------------------------------

    async def policy(self) -> AgentPolicy:
        """The stored policy, or the one that Millrace comes with."""
        document = await self._documents.get(CARD_POLICIES, POLICY)
        return AgentPolicy() if document is None else AgentPolicy.model_validate(_without_id(document))

    async def set_policy(self, policy: AgentPolicy) -> AgentPolicy:
        await self._documents.upsert(CARD_POLICIES, {"_id": POLICY, **policy.model_dump(mode="json")})
        return policy

    # -- inside ------------------------------------------------------------------------------------------

    async def _holder(self, card: CardRecord) -> Job | None:
        if card.job_id is None:
            return None
        document = await self._documents.get(JOBS, card.job_id)
        job = from_document(document) if document is not None else None
        return job if job is not None and not job.status.is_final else None

    async def _hold_or_revoke(self, card_id: str, job: Job) -> None:
        """Of two runs that are asked for at once one gets the card; the other one's job ends before it began."""
        try:
            await self.hold(card_id, job)
        except ConflictError:
            await self._ledger.cancel(job.job_id)
            raise
        await self.note(job, CardStatus.PENDING)

    async def _create(self, card: Card) -> None:
        try:
            await self._documents.insert(CARDS, card_document(CardRecord.model_validate(card.model_dump())))
        except DuplicateError:  # loaded by somebody else at the same moment
            await self._redefine(card)

    async def _redefine(self, card: Card) -> None:
        fields = card.model_dump(mode="json")
        fields.pop("card_id")
        changes = {**fields, "updated": iso(utc_now())}
        await self._documents.update(CARDS, {"_id": card.card_id}, set=changes)
        idle = {"_id": card.card_id, "status": {"$ne": str(CardStatus.IN_PROGRESS)}}
        await self._documents.update(CARDS, idle, set={"status": str(CardStatus.PENDING), "reason": ""})


def card_document(card: CardRecord) -> Document:
    fields = card.model_dump(mode="json")
    return {"_id": fields.pop("card_id"), **fields}


def card_from(document: Document) -> CardRecord:
    fields = dict(document)
    return CardRecord(card_id=fields.pop("_id"), **fields)


def _without_id(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "_id"}
