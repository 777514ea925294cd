"""Follow-ups: found when they are due, written, and sent once, unless the person writes first.

A follow-up's id comes from the session, the silence and its number: whoever finds it due, and however often, it is one
record and one job. What stays undecided when a person writes is cancelled when its job looks.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spine.contracts.conversations import (
    CONVERSATION,
    AccountPolicy,
    Delivery,
    Followup,
    FollowupStatus,
    Order,
    OrderStatus,
    Reply,
    Session,
    TaskName,
    Turn,
)
from spine.contracts.jobs import FINAL_STATUSES, Job
from spine.contracts.timestamps import iso, utc_now
from spine.conversations import SENT_TO, followup_document, followup_from, session_from
from spine.documents import CONVERSATIONS, FOLLOWUPS, JOBS
from spine.errors import (
    ConflictError,
    DuplicateError,
    MillraceError,
    NotFoundError,
    PermanentError,
    RetryableError,
)
from spine.idempotency import digest, effect_key
from spine.live_queues import LLM
from spine.orders import OrderDesk
from spine.services import Services
from tasks.conversation.asking import asking_for
from tasks.conversation.history import shown_summary, shown_transcript
from tasks.conversation.language import Speech, speech
from tasks.conversation.order_talk import order_text
from tasks.conversation.sending import send_once
from tasks.conversation.silence import after_quiet_hours, followup_due, reason_of, writable_until
from tasks.conversation.starting import start_task
from tasks.conversation.template import FOLLOWUP
from tasks.conversation.transcript import Transcript, reply_turn_id

_logger = logging.getLogger("millrace.conversation")

_OPEN = (FollowupStatus.DUE, FollowupStatus.FAILED)
_BATCH = 500
_SHOWN = 12  # turns that the model writes a follow-up from
_REASONS = {
    "open_question": "we asked the customer something and had no answer",
    "unconfirmed_order": "an order was shown to the customer and neither confirmed nor declined; it is shown again "
    "below your text",
}


# -- finding -------------------------------------------------------------------------------------------------


async def start_due_followups(services: Services, now: datetime) -> dict[str, int]:
    """Start every follow-up that is due: `{looked_at, due, started}`."""
    counts = {"looked_at": 0, "due": 0, "started": 0}
    async for session in _open_sessions(services):
        counts["looked_at"] += 1
        try:
            policy = services.account_policy(session.platform, session.account)
            due = followup_due(session, policy)
        except MillraceError as error:
            _logger.warning("no follow-up for %s: %s", session.session_id, error)
            continue
        if due is None or due > now or after_quiet_hours(now, policy) > now:
            continue
        if (until := writable_until(session)) is not None and until <= now:
            continue  # nobody looked in time, and the platform takes nothing any more
        counts["due"] += 1
        counts["started"] += await _start(services, session, due)
    return counts


async def _open_sessions(services: Services) -> AsyncGenerator[Session]:
    """Sessions with something open that can be written to, each once."""
    for where in ({"pending_order_id": {"$ne": None}}, {"open_question": True, "pending_order_id": None}):
        last = ""
        while True:
            here: dict[str, Any] = {**where, "platform": {"$in": sorted(SENT_TO)}, "_id": {"$gt": last}}
            found = await services.documents.find(CONVERSATIONS, here, sort=[("_id", 1)], limit=_BATCH)
            for document in found:
                yield session_from(document)
            if len(found) < _BATCH:
                break
            last = found[-1]["_id"]


async def _start(services: Services, session: Session, due: datetime) -> bool:
    reason = reason_of(session)
    assert reason is not None and session.last_reply_at is not None
    number = session.followups_sent + 1
    followup = Followup(
        followup_id=f"fol_{digest(session.session_id, _silence(session), number)}",
        session_id=session.session_id,
        number=number,
        reason=reason,
        due=due,
    )
    with suppress(DuplicateError):
        await services.documents.insert(FOLLOWUPS, followup_document(followup))
    job, new = await start_task(
        services,
        TaskName.SEND_FOLLOWUP,
        session.session_id,
        {"followup_id": followup.followup_id, "silence": _silence(session)},
        idempotency_key=f"followup:{followup.followup_id}",
    )
    if new:
        await services.documents.update(FOLLOWUPS, {"_id": followup.followup_id}, set={"job_id": job.job_id})
    return new


def _silence(session: Session) -> str:
    """Names the silence: since when the person has not written."""
    return iso(session.last_user_at) if session.last_user_at else "never"


# -- sending -------------------------------------------------------------------------------------------------


class _PersonWroteError(ConflictError):
    """The person wrote before the follow-up was sent."""


class _NightCameError(ConflictError):
    """It is quiet hours by now."""

    def __init__(self, until_morning: RetryableError) -> None:
        super().__init__(str(until_morning))
        self.until_morning = until_morning


@dataclass(frozen=True, slots=True)
class _FollowingUp:
    """One follow-up on its way."""

    services: Services
    job: Job
    transcript: Transcript
    followup: Followup
    session: Session
    policy: AccountPolicy

    async def run(self) -> Followup:
        if self.followup.status not in _OPEN:
            return self.followup
        begun = await self.transcript.turn(reply_turn_id(self.job.job_id)) is not None
        if not begun and not await self._still_silent():
            return await self._end(FollowupStatus.CANCELLED)
        order = await self._order()
        text = self.followup.text or await self._words(order)
        await self._note(text=text)  # before it is sent: another attempt must not remember other words
        try:
            delivery = await self._send(text)
        except PermanentError:  # they blocked us: it is due no longer, unless somebody starts its job again
            await self._end(FollowupStatus.FAILED)
            raise
        if delivery is None:
            return await self._end(FollowupStatus.CANCELLED)
        await self._remember(text, order, delivery)
        return await self._end(FollowupStatus.SENT)

    async def _still_silent(self) -> bool:
        """Nothing of the person is in the transcript or waits to be answered since the follow-up became due."""
        session = await self.transcript.session()
        if _silence(session) != self.job.params["silence"] or reason_of(session) is None:
            return False
        waiting = {
            "pipeline": CONVERSATION,
            "subject_id": self.session.session_id,
            "queue": LLM.name,  # messages; the follow-up itself is on another one
            "status": {"$nin": [str(status) for status in FINAL_STATUSES]},
        }
        return await self.services.documents.count(JOBS, waiting) == 0

    async def _words(self, order: Order | None) -> str:
        session = await self.transcript.session()
        values = {
            "instructions": self.policy.instructions,
            "reason": _REASONS[self.followup.reason],
            "summary": shown_summary(session.summary),
            "transcript": shown_transcript((await self.transcript.open_turns(session))[-_SHOWN:]),
            "language": session.language,
        }
        spoken = self._speech
        template = spoken.say("followup_order" if order is not None else "followup_question")
        slug, session_id = self.policy.pipeline_id, session.session_id
        async with asking_for(self.services, slug, session_id, self.job.job_id) as asking:
            said = await asking.say(FOLLOWUP, values, lambda: template)
        return f"{said.text}\n\n{order_text(order, spoken)}" if order is not None else said.text

    async def _order(self) -> Order | None:
        if self.session.pending_order_id is None:
            return None
        order = await OrderDesk(self.services.documents).get(self.session.pending_order_id)
        return order if order.status is OrderStatus.PROPOSED else None

    async def _send(self, text: str) -> Delivery | None:
        """None when the person wrote while the text was written: then nothing was sent."""
        session = self.session

        async def unless_they_wrote() -> None:
            if not await self._still_silent():
                raise _PersonWroteError
            try:
                _check_hours(self.policy, utc_now())
            except RetryableError as error:  # a send that was put off met the night: called off, not failed
                raise _NightCameError(error) from None

        try:
            return await send_once(
                self.services,
                self.job,
                effect_key(self.followup.followup_id, "send"),
                session.platform,
                session.account,
                session.chat_id,
                text,
                before=unless_they_wrote,
            )
        except _PersonWroteError:
            return None
        except _NightCameError as night:
            raise night.until_morning from None

    async def _remember(self, text: str, order: Order | None, delivery: Delivery) -> None:
        """It is a turn of the conversation, so that a yes to the order that it shows is a yes to that order."""
        session = await self.transcript.session()
        turn = Turn(
            message_id=reply_turn_id(self.job.job_id),
            session_id=session.session_id,
            seq=0,
            role="followup",
            text=text,
            job_id=self.job.job_id,
            delivery=delivery,
            reply=Reply(text=text, delivery=delivery, order_id=order.order_id if order is not None else None),
        )
        turn = await self.transcript.append(turn, after=session.turns)
        await self.transcript.settle(
            newest=turn.seq, followups_sent=self.followup.number, last_reply_at=iso(turn.created)
        )

    async def _end(self, status: FollowupStatus) -> Followup:
        await self._note(status=str(status), finished=iso(utc_now()))
        return await _followup(self.services, self.followup.followup_id)

    async def _note(self, **values: str) -> None:
        open_yet = {"_id": self.followup.followup_id, "status": {"$in": [str(status) for status in _OPEN]}}
        await self.services.documents.update(FOLLOWUPS, open_yet, set=values)

    @property
    def _speech(self) -> Speech:
        return speech(self.session.language)


async def send_followup(services: Services, job: Job) -> Followup:
    """The follow-up of the job as it ended: sent, or cancelled because the person wrote first."""
    transcript = Transcript(services.documents, job.params["session_id"])
    session = await transcript.session()
    policy = services.account_policy(session.platform, session.account)
    followup = await _followup(services, job.params["followup_id"])
    if not followup.text:
        _check_hours(policy, utc_now())
    return await _FollowingUp(services, job, transcript, followup, session, policy).run()


async def _followup(services: Services, followup_id: str) -> Followup:
    document = await services.documents.get(FOLLOWUPS, followup_id)
    if document is None:
        raise NotFoundError(f"There is no follow-up {followup_id}.")
    return followup_from(document)


def _check_hours(policy: AccountPolicy, now: datetime) -> None:
    """A job that waited long must not wake anybody."""
    morning = after_quiet_hours(now, policy)
    if morning > now:
        wait = (morning - now).total_seconds()
        raise RetryableError(f"It is quiet hours until {iso(morning)}.", retry_after=wait)
