"""Bringing our words to the person: at most once, one at a time per account, with what is known of their arrival.

No control character goes along, wherever the words come from: a model's, an order's note, a caller of the API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from spine.contracts.conversations import Delivery, InboundMessage, Platform
from spine.contracts.jobs import Job
from spine.conversations import SENT_TO, reply_key
from spine.effects import EffectLedger, Outcome
from spine.idempotency import effect_key
from spine.inline_replies import InlineReplies
from spine.services import Services
from spine.visible_text import without_controls
from tasks.conversation.language import language_of, speech


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
            await before()
        receipt = await services.messengers(platform, account).send(chat_id, without_controls(text))
        return {"message_ids": ",".join(receipt.message_ids)}

    effects = EffectLedger(services.documents, job_id=job.job_id, lease=services.ledger.lease)
    outcome = await effects.at_most_once(key, make, in_turn=f"{platform}:{account}")
    return Delivery.SENT if outcome is not None else Delivery.AMBIGUOUS


async def deliver_reply(
    services: Services, job: Job, platform: Platform, account: str, chat_id: str, text: str
) -> Delivery:
    """The reply of a message's job: carried by the request that waits for it, else sent."""
    if await InlineReplies(services.documents).deliver(job, without_controls(text)):
        return Delivery.INLINE
    return await send_once(services, job, reply_key(job.job_id), platform, account, chat_id, text)


async def say_still_working(services: Services, job: Job, message: InboundMessage) -> None:
    """Tell the person, once per message, that the answer takes longer."""
    policy = services.account_policy(message.platform, message.account)
    text = policy.still_working or speech(language_of(message.text, message.language)).say("still_working")
    key = effect_key(job.job_id, "still-working")
    await send_once(services, job, key, message.platform, message.account, message.chat_id, text)
