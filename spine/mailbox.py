"""The mailbox of a session: its stored jobs in the order of their arrival, and who may run them now.

The waiting jobs of a session are the mailbox; nothing else queues them. A holder is one lane process. It says every few
seconds that it is alive, and a session that it has taken is its own until it gives it back or falls silent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from spine.contracts.jobs import FINAL_STATUSES, RUNNING_STATUSES, Job, JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, SESSION_LEASES
from spine.due_jobs import is_due
from spine.errors import DuplicateError, MillraceError
from spine.idempotency import new_id
from spine.jobs import from_document
from spine.lease_watch import SILENT_AHEAD, is_plausible
from spine.live_queues import LLM
from spine.ports import Documents
from spine.turns import turn

MAILBOX_QUEUE = LLM.name
"""The queue whose jobs run one at a time per subject, in the order of their arrival."""

LIVE_LEASE = timedelta(seconds=8)
"""How long a lane of conversations, and each job that it runs, is believed alive after its last sign of life."""

_OPEN = [str(status) for status in JobStatus if status not in FINAL_STATUSES]
_AFTER_A_LOST_LEASE = timedelta(seconds=2.5)
"""The sweeper frees a job whose process died within this time and says so; looking by ourselves is the fallback."""

_LONG_SILENT = timedelta(minutes=1)
_ASKED_AGAIN = 0.2
"""Seconds after which who waits for a session asks again: its holder gives it back without telling anybody."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a session asks for: nothing (no job), its oldest job now, or the same at a later moment."""

    job: Job | None = None
    at: datetime | None = None


def next_step(oldest: Job | None, now: datetime) -> Step:
    """What to do about the oldest job that has not ended; later ones wait for it whatever it waits for."""
    if oldest is None:
        return Step()
    if oldest.status in RUNNING_STATUSES:
        return Step(oldest, min(oldest.lease_until or now, now + SILENT_AHEAD) + _AFTER_A_LOST_LEASE)
    return Step(oldest, None if is_due(oldest, now) else oldest.run_after)


class SessionMailbox:
    """The mailboxes as one holder sees them. Leases live in `session_leases`, and run out when the holder dies."""

    def __init__(self, documents: Documents, *, lease: timedelta = LIVE_LEASE) -> None:
        self._documents = documents
        self.lease = lease
        self.holder = new_id("holder")
        self._alive_until = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether others still believe in this holder; it begins nothing while they may not."""
        return time.monotonic() < self._alive_until

    async def say_alive(self, documents: Documents | None = None) -> None:
        """To be called at least every third of the lease; from another thread with that thread's own store."""
        said = time.monotonic()
        until = iso(utc_now() + self.lease)
        await (documents or self._documents).upsert(SESSION_LEASES, {"_id": self.holder, "lease_until": until})
        self._alive_until = said + self.lease.total_seconds()

    async def withdraw(self) -> None:
        """Give back every session, at the end of the process."""
        self._alive_until = 0.0
        await self._documents.delete(SESSION_LEASES, {"holder": self.holder})
        await self._documents.delete(SESSION_LEASES, {"_id": self.holder})

    async def forget_the_dead(self) -> None:
        """Remove what holders have left that fell silent a minute ago: sessions whose person never wrote again."""
        silent = {"lease_until": {"$lt": iso(utc_now() - _LONG_SILENT)}}
        for holder in await self._documents.find(SESSION_LEASES, silent):
            await self._documents.delete(SESSION_LEASES, {"holder": holder["_id"]})
            await self._documents.delete(SESSION_LEASES, {"_id": holder["_id"]})

    async def take(self, session_id: str) -> datetime | None:
        """None when the session is ours now; else the moment at which asking again makes sense."""
        lease_id = _lease_id(session_id)
        try:
            await self._documents.insert(SESSION_LEASES, {"_id": lease_id, "holder": self.holder})
        except DuplicateError:
            return await self._take_over(lease_id)
        return None

    async def give_back(self, session_id: str) -> None:
        await self._documents.delete(SESSION_LEASES, {"_id": _lease_id(session_id), "holder": self.holder})

    async def look(self, session_id: str) -> Step:
        """What the session asks for now."""
        where = {"subject_id": session_id, "status": {"$in": _OPEN}, "queue": MAILBOX_QUEUE}
        found = await self._documents.find(JOBS, where, sort=[("created", 1), ("_id", 1)], limit=1)
        return next_step(from_document(found[0]) if found else None, utc_now())

    async def waiting(self, limit: int = 5_000) -> list[Job]:
        """The oldest jobs that wait in any mailbox: what a process that starts finds to do."""
        where = {"status": {"$in": [str(JobStatus.PENDING), str(JobStatus.RETRY)]}, "queue": MAILBOX_QUEUE}
        found = await self._documents.find(JOBS, where, sort=[("created", 1), ("_id", 1)], limit=limit)
        return [from_document(document) for document in found]

    async def _take_over(self, lease_id: str) -> datetime | None:
        """The session is taken by another holder: it is ours if that one is dead and nobody else was quicker.

        One that is wrongly taken for dead, because a clock jumped, does no harm: the jobs have leases of their own, and
        both holders would only begin the oldest.
        """
        now = utc_now()
        lease = await self._documents.get(SESSION_LEASES, lease_id)
        if lease is None:
            return now
        other = lease["holder"]
        if other == self.holder:
            return None
        said = await self._documents.get(SESSION_LEASES, other)
        if said is not None and is_plausible(until := datetime.fromisoformat(said["lease_until"]), now, self.lease):
            return until
        ours = await self._documents.update(
            SESSION_LEASES, {"_id": lease_id, "holder": other}, set={"holder": self.holder}
        )
        return None if ours is not None else now


@asynccontextmanager
async def session_to_itself(documents: Documents, session_id: str) -> AsyncGenerator[None]:
    """For who runs a message outside the lanes: inside the block nobody else begins one of the session.

    Waits while another message of the session is answered, in this process in the order of asking. What only waits in
    the mailbox comes after the block: no lane may be there to run it.
    """
    async with turn(f"mailbox:{session_id}"):
        mailbox = SessionMailbox(documents)
        await mailbox.say_alive()
        alive = asyncio.create_task(_say_alive_forever(mailbox), name=f"session {session_id}: lease")
        try:
            while await mailbox.take(session_id) is not None:  # noqa: ASYNC110 - the holder is another process
                await asyncio.sleep(_ASKED_AGAIN)
            yield
        finally:
            alive.cancel()
            with suppress(asyncio.CancelledError):
                await alive
            with suppress(MillraceError):  # it runs out by itself
                await mailbox.withdraw()


async def _say_alive_forever(mailbox: SessionMailbox) -> None:
    while True:
        await asyncio.sleep(mailbox.lease.total_seconds() / 4)
        with suppress(MillraceError):
            await mailbox.say_alive()


def _lease_id(session_id: str) -> str:
    """Sessions are named by outsiders; their leases take no other document's name."""
    return f"session:{session_id}"
