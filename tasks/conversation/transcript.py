"""A session and its turns as they are stored: each turn once and in order, whoever writes and however often.

The turns are the truth. A turn's id comes from its job, its `seq` is one more than the newest one's, and both are
unique: of two writers one gets the place and the other the next. The session's counters are made again from the turns
whenever they are written, so that a crash in between is made good by the next message.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from spine.budget import estimated_tokens
from spine.contracts.conversations import InboundMessage, Session, Turn
from spine.contracts.timestamps import iso, utc_now
from spine.conversations import session_document, session_from, turn_document, turn_from
from spine.documents import CONVERSATIONS, MESSAGES
from spine.errors import DuplicateError, NotFoundError
from spine.ports import Documents

_BATCH = 500


class Transcript:
    """One session's record. Holds nothing between calls."""

    def __init__(self, documents: Documents, session_id: str) -> None:
        self._documents = documents
        self.session_id = session_id

    # -- the session -------------------------------------------------------------------------------------

    async def session(self) -> Session:
        document = await self._documents.get(CONVERSATIONS, self.session_id)
        if document is None:
            raise NotFoundError(f"There is no conversation {self.session_id}.")
        return session_from(document)

    async def open(self, message: InboundMessage) -> Session:
        """The session as the message finds it; made when it is new."""
        document = await self._documents.get(CONVERSATIONS, self.session_id)
        if document is not None:
            return session_from(document)
        session = Session(session_id=self.session_id, platform=message.platform, account=message.account)
        with suppress(DuplicateError):
            await self._documents.insert(CONVERSATIONS, session_document(session))
        return session

    async def heard(self, message: InboundMessage, language: str, at: datetime) -> Session:
        """The person wrote: what we know of them is as new as this message, and their silence is over."""
        given = {"chat_id": message.chat_id, "user_id": message.user_id, "user_name": message.user_name}
        facts = {name: value for name, value in (given | {"persona_id": message.persona_id}).items() if value}
        return await self.change(
            **facts, language=language, last_user_at=iso(at), open_question=False, followups_sent=0
        )

    async def change(self, **values: Any) -> Session:
        changed = await self._documents.update(
            CONVERSATIONS, {"_id": self.session_id}, set={"updated": iso(utc_now()), **values}
        )
        if changed is None:
            raise NotFoundError(f"There is no conversation {self.session_id}.")
        return session_from(changed)

    async def settle(self, read: Session | None = None, newest: int = 0, **values: Any) -> Session:
        """Count the turns anew, and set the values unless there are turns after `newest`: then they are old news.

        `read` is the session as the caller has it, and spares reading it, unless it was changed since.
        """
        while True:
            session, read = read or await self.session(), None
            turns = await self.open_turns(session)
            counters = {
                "turns": max([session.turns, session.summary_until, *(turn.seq for turn in turns)]),
                "open_turns": len(turns),
                "open_tokens": sum(turn.tokens for turn in turns),
            }
            as_read = {"_id": self.session_id, "summary_until": session.summary_until, "turns": session.turns}
            news = values if counters["turns"] <= newest else {}
            changed = await self._documents.update(
                CONVERSATIONS, as_read, set={"updated": iso(utc_now()), **counters, **news}
            )
            if changed is not None:
                return session_from(changed)

    # -- its turns ---------------------------------------------------------------------------------------

    async def turn(self, message_id: str) -> Turn | None:
        document = await self._documents.get(MESSAGES, message_id)
        return turn_from(document) if document is not None else None

    async def append(self, turn: Turn, after: int) -> Turn:
        """Store the turn behind the newest one, which is `after` or a later one; a stored one stays where it is."""
        place = after + 1
        while True:
            placed = turn.model_copy(update={"seq": place, "tokens": tokens_of(turn.text)})
            try:
                await self._documents.insert(MESSAGES, turn_document(placed))
            except DuplicateError:
                if (known := await self.turn(turn.message_id)) is not None:
                    return known
                place = 1 + await self._newest()
            else:
                return placed

    async def note(self, message_id: str, **values: Any) -> None:
        """Set fields of a stored turn."""
        await self._documents.update(MESSAGES, {"_id": message_id}, set=values)

    async def open_turns(self, session: Session, until: int | None = None) -> list[Turn]:
        """Turns that the summary does not cover, in order; with `until`, none after that."""
        seq: dict[str, int] = {"$gt": session.summary_until}
        if until is not None:
            seq["$lte"] = until
        where = {"session_id": self.session_id, "seq": seq}
        return [turn_from(found) for found in await self._documents.find(MESSAGES, where, sort=[("seq", 1)])]

    async def last_said(self) -> Turn | None:
        """The newest turn of ours."""
        where = {"session_id": self.session_id, "role": {"$ne": "user"}}
        found = await self._documents.find(MESSAGES, where, sort=[("seq", -1)], limit=1)
        return turn_from(found[0]) if found else None

    # -- the summary -------------------------------------------------------------------------------------

    async def replace_by_summary(self, session: Session, summary: str, until: int) -> bool:
        """Let `summary` stand for every turn up to `until`; False when another summary came first."""
        as_read = {"_id": self.session_id, "summary_until": session.summary_until}
        moved = {"summary": summary, "summary_until": until, "updated": iso(utc_now())}
        return await self._documents.update(CONVERSATIONS, as_read, set=moved) is not None

    async def archive(self) -> int:
        """Mark what the summary covers, also what an interrupted summary left unmarked; how many were marked."""
        until = (await self.session()).summary_until
        where = {"session_id": self.session_id, "seq": {"$lte": until}, "archived": {"$ne": True}}
        marked = 0
        while found := await self._documents.find(MESSAGES, where, limit=_BATCH):
            for turn in found:
                await self.note(turn["_id"], archived=True)
            marked += len(found)
        return marked

    async def _newest(self) -> int:
        found = await self._documents.find(MESSAGES, {"session_id": self.session_id}, sort=[("seq", -1)], limit=1)
        return int(found[0]["seq"]) if found else 0


def tokens_of(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return estimated_tokens([text]) - estimated_tokens([])


def user_turn_id(job_id: str) -> str:
    return f"{job_id}:user"


def reply_turn_id(job_id: str) -> str:
    return f"{job_id}:reply"


def merged(turns: Sequence[Turn]) -> str:
    """Turns as lines, for reading."""
    return "\n".join(f"{'Customer' if turn.role == 'user' else 'We'}: {turn.text}" for turn in turns)
