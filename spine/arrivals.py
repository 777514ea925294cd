"""Telling a repeated delivery from a repeated message where the platform gives messages no id."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from spine.contracts.conversations import InboundMessage
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARRIVALS
from spine.errors import DuplicateError
from spine.idempotency import digest, new_id
from spine.ports import Documents

SAME_WITHIN: Final = timedelta(seconds=10)
"""The same words of the same person within this time are one message, delivered again."""


class Arrivals:
    """The latest message of each session, kept in `arrivals` (one small record per session, replaced by the next)."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def identified(self, message: InboundMessage) -> InboundMessage:
        """The message with an id: that of the same words a moment ago, else a new one. However many ask at once for
        one delivery, all get the same."""
        if message.message_id:
            return message
        return message.model_copy(update={"message_id": await self._id_of(message)})

    async def forget(self, session_id: str) -> bool:
        """Drop the session's record; False, and it stays, while its message may be delivered again."""
        known = await self._documents.get(ARRIVALS, session_id)
        if known is None:
            return True
        if abs(utc_now() - datetime.fromisoformat(known["at"])) < SAME_WITHIN:
            return False
        return await self._documents.delete(ARRIVALS, {"_id": session_id, "at": known["at"]}) > 0

    async def _id_of(self, message: InboundMessage) -> str:
        words, session = digest(message.text), message.session_id
        while True:
            now = utc_now()
            fresh = {"words": words, "at": iso(now), "message_id": new_id("arr")}
            try:
                await self._documents.insert(ARRIVALS, {"_id": session, **fresh})
                return fresh["message_id"]
            except DuplicateError:
                pass
            for where in ({"words": {"$ne": words}}, {"at": {"$lt": iso(now - SAME_WITHIN)}}):
                if await self._documents.update(ARRIVALS, {"_id": session, **where}, set=fresh) is not None:
                    return fresh["message_id"]
            known = await self._documents.get(ARRIVALS, session)
            if known is not None and known["words"] == words:
                return str(known["message_id"])
