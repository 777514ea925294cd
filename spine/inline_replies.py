"""A reply that goes out as the answer to the very request that brought the message: one of two ever carries it.

The request waits in the gateway, the reply is made in a lane. Both meet in the message's job, under `params.inline`:

    waiting ──(the lane has the reply)──► offered ──(the request takes it)──► taken     the answer carried it
       │                                     │
       └──(the request gave up waiting)──────┴──(it was not taken in time)──► closed    the lane sends it itself

Every arrow is one conditional update, so a reply is never carried twice, whoever is killed meanwhile. The record
lives and dies with the job.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from spine.contracts.jobs import Job
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS
from spine.ports import Document, Documents

POLL_SECONDS = 0.05
TAKING_SECONDS = 2.0
"""How long after the request's time an offered reply is left to it; then the lane sends it."""

_STATE = "params.inline.state"


def inline_params(until: datetime) -> dict[str, Any]:
    """What is added to a job's params when a request waits for its reply until that moment."""
    return {"inline": {"state": "waiting", "until": iso(until), "text": None}}


class InlineReplies:
    """Both sides of the hand-over. Holds nothing between calls."""

    def __init__(self, documents: Documents, poll_seconds: float = POLL_SECONDS) -> None:
        self._documents = documents
        self._poll_seconds = poll_seconds

    # -- the lane's side ---------------------------------------------------------------------------------

    async def deliver(self, job: Job, text: str) -> bool:
        """Offer the reply to the request that waits; whether it carried it. False: nobody waits, send it yourself.

        Safe to call again after a crash at any point: what was carried is known as carried.
        """
        inline = job.params.get("inline")
        if not inline:
            return False
        until = datetime.fromisoformat(inline["until"])
        if utc_now() < until:
            await self._move(job.job_id, "waiting", "offered", text=text)
        while (state := await self._state(job.job_id)) == "offered":
            if (utc_now() - until).total_seconds() > TAKING_SECONDS:
                await self._move(job.job_id, "offered", "closed")
            else:
                await asyncio.sleep(self._poll_seconds)
        if state == "waiting":
            await self._move(job.job_id, "waiting", "closed")
            state = await self._state(job.job_id)
        return state == "taken"

    # -- the request's side ------------------------------------------------------------------------------

    async def take(self, job_id: str, seconds: float) -> str | None:
        """The reply, which the caller carries from now on; None when there is none in time, or the job has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            document = await self._documents.get(JOBS, job_id)
            if document is None or _over(document):
                break
            if _inline(document).get("state") == "offered":
                return await self._taken(job_id)
            await asyncio.sleep(self._poll_seconds)
        if await self._move(job_id, "waiting", "closed") is not None:
            return None
        return await self._taken(job_id)  # offered in the last moment

    async def _taken(self, job_id: str) -> str | None:
        document = await self._move(job_id, "offered", "taken")
        return str(_inline(document)["text"]) if document is not None else None

    async def _state(self, job_id: str) -> str:
        document = await self._documents.get(JOBS, job_id)
        return str(_inline(document).get("state", "closed")) if document is not None else "closed"

    async def _move(self, job_id: str, before: str, after: str, text: str | None = None) -> Document | None:
        told = {"params.inline.text": text} if text is not None else {}
        return await self._documents.update(JOBS, {"_id": job_id, _STATE: before}, set={_STATE: after, **told})


def _inline(document: Document) -> dict[str, Any]:
    return document["params"].get("inline") or {}


def _over(document: Document) -> bool:
    """The job came to an end without an offer: an error, or a reply that was sent otherwise."""
    return document["finished"] is not None and _inline(document).get("state") != "offered"
