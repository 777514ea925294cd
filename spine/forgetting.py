"""Forgetting a conversation: what is kept of its person is taken out of the stores.

The session, its turns, its follow-ups and the orders that no CRM has go whole. Of a job stays that it was, with the key
by which a message that its platform delivers again is known; of an order that a CRM has, its number and its amounts.
What stays names the conversation by a hash, so that the person's next message finds nothing and begins anew.

Whoever is interrupted is asked again and goes on: the jobs, which lead to everything else, come last.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from spine.arrivals import SAME_WITHIN, Arrivals
from spine.contracts.conversations import CONVERSATION, Forgotten, Order, TaskName
from spine.contracts.jobs import FINAL_STATUSES, RUNNING_STATUSES, Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.conversations import order_document, order_from
from spine.documents import CONVERSATIONS, EFFECTS, FOLLOWUPS, JOBS, MESSAGES, ORDERS, USAGE
from spine.errors import ConflictError, NotFoundError
from spine.idempotency import digest
from spine.jobs import JobLedger, from_document
from spine.mailbox import SessionMailbox
from spine.ports import Document, Documents, ProgressLog, Where
from spine.progress import ProgressArchive

REMOVED: Final = "removed"
"""Stands where a record has to say something; in a job's params, with the moment, it marks the job."""

_CALLED_OFF: Final = (TaskName.SUMMARIZE_SESSION, TaskName.SEND_FOLLOWUP)
_STARTED_BY_US: Final = (*_CALLED_OFF, TaskName.CREATE_CRM_ORDER)
_SAID: Final = (TaskName.PROCESS_MESSAGE, TaskName.PROCESS_AND_RESPOND, TaskName.SEND_RESPONSE)
_OF_A_SESSION: Final = {"pipeline": CONVERSATION, "params.task": {"$in": [str(t) for t in (*_SAID, *_STARTED_BY_US)]}}
"""Other jobs of the pipeline may be named like a session: those of a webhook source hold what everybody sent."""

_ENDED: Final = {"status": {"$in": [str(status) for status in FINAL_STATUSES]}}
_BATCH: Final = 200


# -- what is the person's ------------------------------------------------------------------------------------


def name_without_person(session_id: str) -> str:
    """What a forgotten conversation is called in the records that stay."""
    return f"{REMOVED}:{digest(session_id)}"


def stands_in_the_way(job: Job) -> bool:
    """Whether the job would lose something, or write again what was removed: it runs, or somebody waits for it.

    A message without its answer and a confirmed order that no CRM has yet are waited for; a summary and a follow-up of
    what is forgotten are not.
    """
    if job.status.is_final:
        return False
    return job.status in RUNNING_STATUSES or job.params.get("task") not in _CALLED_OFF


def emptied(job: Job, at: datetime) -> dict[str, Any]:
    """What changes in the record of an ended job, so that it neither tells of the person nor can be put back to work.

    The key of a message stays: its platform may deliver it again. Those of our own jobs name the session and how far it
    had come, and the next conversation would take them for its own.
    """
    task = job.params.get("task")
    changes: dict[str, Any] = {"params": {"task": task, REMOVED: iso(at)}, "result": None}
    if job.error is not None:
        changes["error"] = job.error.model_copy(update={"message": REMOVED}).model_dump()
    if job.status is not JobStatus.SUCCESS:
        changes["status"] = str(JobStatus.REVOKED)
    if task in _STARTED_BY_US:
        changes["idempotency_key"] = job.job_id
    if task != TaskName.HANDLE_WEBHOOK:  # that one is about its source
        changes["subject_id"] = name_without_person(job.subject_id)
    return changes


def kept_of(order: Order) -> Order | None:
    """The order without its customer's words, of which the names of items are some; None when no CRM has it."""
    if order.crm_order_id is None:
        return None
    items = [item.model_copy(update={"sku": "", "name": REMOVED}) for item in order.proposal.items]
    nobody = {"customer_name": REMOVED, "customer_contact": REMOVED, "note": ""}
    proposal = order.proposal.model_copy(update={"items": items, **nobody})
    session_id = name_without_person(order.session_id)
    return order.model_copy(update={"session_id": session_id, "proposal": proposal, "customer_id": "", "error": None})


# -- taking it out -------------------------------------------------------------------------------------------


async def forget(documents: Documents, ledger: JobLedger, progress: ProgressLog, session_id: str) -> Forgotten:
    """Take out everything of the conversation, and say how much it was; a second time there is nothing.

    Raises `NotFoundError` for a conversation that never was. Raises `ConflictError`, with everything still there, while
    something of it runs or waits that would be lost: then ask again.
    """
    mailbox = SessionMailbox(documents)
    removal = _Removal(documents, ledger, progress, mailbox, session_id)
    await removal.require_known()
    await mailbox.say_alive()
    try:
        await removal.begin()
        return await removal.finish()
    finally:
        await mailbox.withdraw()


@dataclass(frozen=True, slots=True)
class _Removal:
    """One conversation on its way out. The mailbox keeps it from the lanes: a message that comes now waits."""

    documents: Documents
    ledger: JobLedger
    progress: ProgressLog
    mailbox: SessionMailbox
    session_id: str

    async def require_known(self) -> None:
        if await self.documents.get(CONVERSATIONS, self.session_id) is not None:
            return
        names = [self.session_id, name_without_person(self.session_id)]
        if not await self.documents.count(JOBS, {"subject_id": {"$in": names}, **_OF_A_SESSION}):
            raise NotFoundError(f"There is no conversation {self.session_id}.")

    async def begin(self) -> None:
        """Have the conversation to ourselves, and call off what it would still do by itself."""
        if await self.mailbox.take(self.session_id) is not None:
            raise ConflictError("A message of this conversation is being answered; ask again in a moment.")
        waiting = await self._unfinished()
        _refuse_for(waiting)
        if not await Arrivals(self.documents).forget(self.session_id):
            raise ConflictError(
                "A message of this conversation came a moment ago, and its platform may deliver it again; "
                f"ask again in {SAME_WITHIN.total_seconds():.0f} seconds."
            )
        for job in waiting:
            with suppress(ConflictError):  # it has ended meanwhile
                await self.ledger.cancel(job.job_id)
        _refuse_for(await self._unfinished())  # it began in that very moment

    async def finish(self) -> Forgotten:
        # The session first: what has none is neither summarised nor followed up.
        await self.documents.delete(CONVERSATIONS, {"_id": self.session_id})
        turns = await self.documents.delete(MESSAGES, {"session_id": self.session_id})
        followups = await self.documents.delete(FOLLOWUPS, {"session_id": self.session_id})
        orders, kept = await self._part_with_orders()
        await self._rename_usage()
        jobs = await self._empty_jobs()
        return Forgotten(turns=turns, followups=followups, orders=orders, orders_kept=kept, jobs=jobs)

    async def _unfinished(self) -> list[Job]:
        where = {"subject_id": self.session_id, **_OF_A_SESSION, "status": {"$nin": _ENDED["status"]["$in"]}}
        return [from_document(document) for document in await self.documents.find(JOBS, where, sort=[("created", 1)])]

    async def _part_with_orders(self) -> tuple[int, int]:
        """How many went, and how many stay with their number."""
        found = [order_from(one) for one in await self.documents.find(ORDERS, {"session_id": self.session_id})]
        kept = [order for order in map(kept_of, found) if order is not None]
        for order in kept:
            await self.documents.upsert(ORDERS, order_document(order))
        return await self.documents.delete(ORDERS, {"session_id": self.session_id}), len(kept)

    async def _rename_usage(self) -> None:
        """What was spent stays in the account of the month."""
        name = name_without_person(self.session_id)
        async for found in self._batches(USAGE, {"submission_id": self.session_id, "pipeline": CONVERSATION}):
            for record in found:
                await self.documents.update(USAGE, {"_id": record["_id"]}, set={"submission_id": name})

    async def _empty_jobs(self) -> int:
        """Those of the session, and those of the webhooks that brought its messages; the number of them."""
        count, now = 0, utc_now()
        came_by = {"pipeline": CONVERSATION, "params.task": str(TaskName.HANDLE_WEBHOOK)}
        for where in (
            {"subject_id": self.session_id, **_OF_A_SESSION},
            {"result.subject_id": self.session_id, **came_by},
        ):
            async for found in self._batches(JOBS, {**where, **_ENDED}):
                await self._drop_traces([document["_id"] for document in found])
                for job in map(from_document, found):
                    as_read = {"_id": job.job_id, "status": str(job.status)}
                    count += await self.documents.update(JOBS, as_read, set=emptied(job, now)) is not None
        return count

    async def _drop_traces(self, job_ids: list[str]) -> None:
        """Progress, and what services said of our calls, which may quote what was sent to them."""
        if isinstance(self.progress, ProgressArchive):
            await self.progress.forget(job_ids)
        for effect in await self.documents.find(EFFECTS, {"job_id": {"$in": job_ids}, "reason": {"$exists": True}}):
            await self.documents.update(EFFECTS, {"_id": effect["_id"]}, set={"reason": REMOVED})

    async def _batches(self, collection: str, where: Where) -> AsyncGenerator[list[Document]]:
        """What matches, until nothing does: the caller changes what it was given."""
        while found := await self.documents.find(collection, where, limit=_BATCH):
            await self.mailbox.say_alive()
            yield found


def _refuse_for(jobs: Iterable[Job]) -> None:
    for job in filter(stands_in_the_way, jobs):
        what = f"The job {job.job_id} of this conversation ({job.params.get('task')}) is {job.status}"
        raise ConflictError(f"{what}: what it is for would be lost. Ask again when it has ended, or cancel it first.")
