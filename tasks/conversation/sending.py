"""Bringing our words to the person: at most once, one at a time per account, with what is known of their arrival.

No control character goes along, wherever the words come from: a model's, an order's note, a caller of the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from spine.contracts.conversations import CONVERSATION, Delivery, InboundMessage, Platform, Turn
from spine.contracts.jobs import Job, JobStatus
from spine.conversations import SENT_TO, reply_key
from spine.documents import JOBS
from spine.effects import EffectLedger, Outcome
from spine.errors import DatabaseError, ExternalServiceError
from spine.idempotency import effect_key
from spine.inline_replies import InlineReplies
from spine.live_queues import LLM
from spine.services import Services
from spine.visible_text import without_controls
from tasks.conversation.language import language_of, speech

_MOST_AHEAD = 500


async def send_once(
    services: Services,
    job: Job,
    key: str,
    platform: Platform,
    account: str,
    chat_id: str,
    text: str,
    *,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Delivery:
    """Send the text unless the effect `key` was begun before; what is known of it afterwards.

    `before` is awaited when it is our turn to send; a `PermanentError` of it calls the send off. Raises what the
    messenger raises when nothing was sent: then it may be tried again.
    """
    if platform not in SENT_TO or not chat_id:
        return Delivery.KEPT

    async def make() -> Outcome:
        if before is not None:
            try:
                await before()
            except DatabaseError as error:  # without this it would look like a send of which nobody knows
                raise ExternalServiceError(error.message, service="documents", delivered=False) from error
        receipt = await services.messengers(platform, account).send(chat_id, without_controls(text))
        return {"message_ids": ",".join(receipt.message_ids)}

    effects = EffectLedger(services.documents, job_id=job.job_id, lease=services.ledger.lease)
    outcome = await effects.at_most_once(key, make, in_turn=f"{platform}:{account}")
    return Delivery.SENT if outcome is not None else Delivery.AMBIGUOUS


async def deliver_reply(
    services: Services,
    job: Job,
    message: InboundMessage,
    text: str,
    *,
    before: Callable[[], Awaitable[None]] | None = None,
) -> Delivery:
    """The reply of a message's job: carried by the request that waits for it, else sent; `before` as in `send_once`."""
    if await InlineReplies(services.documents).deliver(job, without_controls(text)):
        return Delivery.INLINE
    key = reply_key(job.job_id)
    return await send_once(services, job, key, message.platform, message.account, message.chat_id, text, before=before)


async def has_arrived(services: Services, said: Turn) -> bool:
    """Whether the words of a turn are known to have reached the person, or lie where the person reads them."""
    if said.delivery is None:  # refused for good, or sent by a process that died before it could note that
        return await EffectLedger(services.documents).outcome(reply_key(said.job_id)) is not None
    return said.delivery is not Delivery.AMBIGUOUS


async def messages_ahead(services: Services, job: Job) -> list[str]:
    """Jobs of the session's messages that are there and unanswered: whoever wrote them has not read what comes now.

    Failed ones count too, as somebody may put them back to work. No clock is asked: those of the gateway and of the
    lane may differ by more than a person needs to say yes.
    """
    where = {
        "pipeline": CONVERSATION,
        "subject_id": job.subject_id,
        "queue": LLM.name,
        "status": {"$ne": str(JobStatus.SUCCESS)},
    }
    found = await services.documents.find(JOBS, where, sort=[("created", -1)], limit=_MOST_AHEAD)
    return [other for document in found if (other := str(document["_id"])) != job.job_id]


async def say_still_working(services: Services, job: Job, message: InboundMessage) -> None:
    """Tell the person, once per message, that the answer takes longer."""
    policy = services.account_policy(message.platform, message.account)
    text = policy.still_working or speech(language_of(message.text, message.language)).say("still_working")
    key = effect_key(job.job_id, "still-working")
    await send_once(services, job, key, message.platform, message.account, message.chat_id, text)
