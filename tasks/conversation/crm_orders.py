"""A confirmed order on its way into the CRM, and the news of it on its way to the customer."""

from __future__ import annotations

from spine.contracts.conversations import Order, OrderStatus, Reply, Session, Turn
from spine.contracts.jobs import Job
from spine.contracts.timestamps import iso
from spine.effects import EffectLedger, Outcome
from spine.errors import ConflictError, ExternalServiceError, NotConfiguredError, PermanentError
from spine.idempotency import effect_key
from spine.orders import OrderDesk
from spine.services import Services
from tasks.conversation.language import speech
from tasks.conversation.sending import send_once
from tasks.conversation.transcript import Transcript, reply_turn_id

_CONFLICT = 409
"""The CRM knows the key already, or makes the order of an earlier request yet, or refuses it for its own reasons."""


async def create_crm_order(services: Services, job: Job) -> dict[str, str]:
    """One order in the CRM for the confirmed order: `{order_id, crm, crm_order_id, delivery}`.

    Safe to repeat: the CRM is called under the order's idempotency key, and asked first after a crash. The customer is
    told the number, at most once. When the CRM refuses the order, the customer is told that too, and the error raised.
    """
    order = await OrderDesk(services.documents).get(job.params["order_id"])
    try:
        order = await _created(services, job, order)
    except PermanentError as error:
        if await OrderDesk(services.documents).failed(order.order_id, error.message) is not None:
            await _tell(services, job, order, "order_failed", "refused")
        raise
    delivery = await _tell(services, job, order, "order_created", "created", number=order.crm_order_id or "")
    told = {"order_id": order.order_id, "crm": order.crm or "", "crm_order_id": order.crm_order_id or ""}
    return {**told, "delivery": delivery}


async def _created(services: Services, job: Job, order: Order) -> Order:
    if order.status is OrderStatus.CREATED:
        return order
    if order.status not in (OrderStatus.CONFIRMED, OrderStatus.FAILED):
        raise ConflictError(f"Order {order.order_id} is {order.status}; only what the customer confirmed is created.")
    name = order.crm or await _connection(services, order)
    key = effect_key(order.order_id, "crm-order")
    crm = services.crm(name)

    async def make() -> Outcome:
        try:
            return {"crm_order_id": await crm.create_order(order, key)}
        except ExternalServiceError as error:
            if error.status == _CONFLICT and job.attempts >= job.max_attempts:  # so it was about something else
                raise ConflictError(error.message) from error
            raise

    async def find() -> Outcome | None:
        found = await crm.find_order(key)
        return {"crm_order_id": found} if found is not None else None

    outcome = await EffectLedger(services.documents, job_id=job.job_id).once(key, make=make, find=find)
    return await OrderDesk(services.documents).created(order.order_id, name, str(outcome["crm_order_id"]))


async def _connection(services: Services, order: Order) -> str:
    """An order that was confirmed before its account had a CRM goes to the one that it has now."""
    session = await Transcript(services.documents, order.session_id).session()
    name = services.account_policy(session.platform, session.account).crm
    if name is None:
        raise NotConfiguredError(
            f"The account of order {order.order_id} names no CRM account, and there is none called `default`.",
            what="crm",
        )
    return name


async def _tell(services: Services, job: Job, order: Order, sentence: str, what: str, **values: str) -> str:
    """Tell the customer; a turn of the conversation like any other of ours."""
    transcript = Transcript(services.documents, order.session_id)
    session = await transcript.session()
    text = speech(session.language).say(sentence, **values)
    turn = await transcript.append(_turn(job, session, what, text), after=session.turns)
    await transcript.settle(newest=turn.seq, last_reply_at=iso(turn.created))
    key = effect_key(order.order_id, f"tell-{what}")
    delivery = await send_once(services, job, key, session.platform, session.account, session.chat_id, turn.text)
    await transcript.note(turn.message_id, delivery=str(delivery))
    return str(delivery)


def _turn(job: Job, session: Session, what: str, text: str) -> Turn:
    return Turn(
        message_id=f"{reply_turn_id(job.job_id)}:{what}",
        session_id=session.session_id,
        seq=0,
        role="assistant",
        text=text,
        job_id=job.job_id,
        reply=Reply(text=text),
    )
