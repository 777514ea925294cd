"""From a person's message to our reply, both stored: however often the job is delivered, one turn of each side.

The stored reply makes this repeatable: it is looked up first, and the model is not asked again once it is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from spine.chat_port import ChatReply
from spine.contracts.conversations import (
    AccountPolicy,
    Delivery,
    InboundMessage,
    Order,
    OrderProposal,
    OrderStatus,
    Reply,
    Session,
    TaskName,
    Turn,
)
from spine.contracts.jobs import Job
from spine.contracts.timestamps import iso
from spine.idempotency import digest
from spine.orders import OrderDesk
from spine.services import Services
from spine.visible_text import shows_something
from tasks.book_review.prompt_data import fenced, fenced_inline
from tasks.conversation.asking import Asking, asking_for, models_failed
from tasks.conversation.history import WORDLESS, shown_summary, shown_turns
from tasks.conversation.language import Decision, Speech, greets, language_of, speech
from tasks.conversation.order_talk import answer_to_order, asks_about, order_text, order_tool, proposal_in
from tasks.conversation.passages import PersonaSearch, quoted_passages, shown_passages
from tasks.conversation.sending import has_arrived, messages_ahead
from tasks.conversation.starting import start_task
from tasks.conversation.template import REPLY
from tasks.conversation.transcript import Transcript, reply_turn_id, user_turn_id

_ASKS = re.compile(r"[?？؟]\W*$")
_LONGEST_ORDER = 4_000  # characters in a prompt


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and its session as the reply left it."""

    reply: Reply
    session: Session

    def delivered(self, how: Delivery) -> Answered:
        return Answered(self.reply.model_copy(update={"delivery": how}), self.session)


async def answer_message(services: Services, job: Job, message: InboundMessage) -> Answered:
    """The reply to the message, stored behind it in the transcript. Raises what the models raise."""
    transcript = Transcript(services.documents, message.session_id)
    turn, session = await transcript.turn(reply_turn_id(job.job_id)), None
    if turn is None or turn.reply is None:
        turn, session = await _reply_turn(services, transcript, job, message)
    reply = turn.reply or Reply(text=turn.text)
    pending = await _pending_order(services, reply)
    session = await transcript.settle(
        session,
        newest=turn.seq,
        open_question=reply.open_question,
        pending_order_id=pending,
        last_reply_at=iso(turn.created),
    )
    return Answered(reply, session)


async def _reply_turn(
    services: Services, transcript: Transcript, job: Job, message: InboundMessage
) -> tuple[Turn, Session]:
    """The stored reply, and the session as the message left it."""
    session = await transcript.open(message)
    text = message.text.strip() if shows_something(message.text) else WORDLESS
    heard = Turn(
        message_id=user_turn_id(job.job_id),
        session_id=message.session_id,
        seq=0,
        role="user",
        text=text,
        job_id=job.job_id,
    )
    heard = await transcript.append(heard, after=session.turns)
    declared = message.language if message.language != "und" else session.language
    session = await transcript.heard(message, language_of(message.text, declared), heard.created)
    policy = services.account_policy(message.platform, message.account)
    async with asking_for(services, policy.pipeline_id, message.session_id, job.job_id) as asking:
        reply = await _Answer(asking, job, transcript, session, policy, heard).make()
    said = Turn(
        message_id=reply_turn_id(job.job_id),
        session_id=message.session_id,
        seq=0,
        role="assistant",
        text=reply.text,
        job_id=job.job_id,
        delivery=Delivery.KEPT if job.params.get("task") == TaskName.PROCESS_MESSAGE else None,
        ahead=await messages_ahead(services, job) if reply.order_id is not None else [],
        reply=reply,
    )
    return await transcript.append(said, after=heard.seq), session


async def _pending_order(services: Services, reply: Reply) -> str | None:
    """The order that the reply asks about, while it waits for the customer's yes."""
    if reply.order_id is None:
        return None
    order = await OrderDesk(services.documents).get(reply.order_id)
    return order.order_id if order.status is OrderStatus.PROPOSED else None


@dataclass(frozen=True, slots=True)
class _Answer:
    """One reply in the making."""

    asking: Asking
    job: Job
    transcript: Transcript
    session: Session
    policy: AccountPolicy
    heard: Turn

    async def make(self) -> Reply:
        order = await self._order_in_question()
        if order is None:
            return await self._agent(None)
        shown = await self._was_shown(order)
        said = await answer_to_order(self.asking, order, self.heard.text, self._speech) if shown else Decision.UNCLEAR
        if said is Decision.YES or order.confirmed_by == self.heard.message_id:
            return await self._confirmed(order)
        if said is Decision.NO:
            await self._orders.reject(order.order_id, "declined by the customer")
            return Reply(text=self._speech.say("order_declined"), order_id=order.order_id)
        return await self._agent(order)

    # -- orders ------------------------------------------------------------------------------------------

    async def _order_in_question(self) -> Order | None:
        if self.session.pending_order_id is None:
            return None
        order = await self._orders.get(self.session.pending_order_id)
        ours = order.confirmed_by == self.heard.message_id  # confirmed by this message, before a crash
        return order if ours or order.status is OrderStatus.PROPOSED else None

    async def _was_shown(self, order: Order) -> bool:
        """Whether the message can be an answer: who ordered wrote it after our last words, with this order, arrived."""
        last_said = await self.transcript.last_said() if self._is_theirs(order) else None
        if last_said is None or not asks_about(last_said, order, self.job.job_id):
            return False
        return await has_arrived(self.asking.services, last_said)

    def _is_theirs(self, order: Order) -> bool:
        """Whether who writes may be who ordered; in a group, others say yes to other things."""
        return not (order.customer_id and self._user_id) or order.customer_id == self._user_id

    @property
    def _user_id(self) -> str:
        return str(self.job.params["message"].get("user_id", ""))

    async def _confirmed(self, order: Order) -> Reply:
        confirmed = await self._orders.confirm(order.order_id, self.heard.message_id)
        if confirmed is None:
            return await self._agent(None)  # it was rejected or confirmed at the same moment by somebody else
        if self.policy.crm is not None:
            await start_task(
                self.asking.services,
                TaskName.CREATE_CRM_ORDER,
                order.session_id,
                {"order_id": order.order_id},
                idempotency_key=f"crm-order:{order.order_id}",
                parent_job_id=self.job.job_id,
                trace_id=self.job.trace_id,
            )
        return Reply(text=self._speech.say("order_confirmed"), order_id=order.order_id)

    async def _proposed(self, proposal: OrderProposal, former: Order | None) -> Order:
        """The order of this message; the one before it is off the table."""
        if former is not None:
            await self._orders.reject(former.order_id, "replaced by another proposal")
        order_id = f"ord_{digest(self.job.job_id)}"
        return await self._orders.propose(
            Order(
                order_id=order_id,
                session_id=self.session.session_id,
                proposal=proposal,
                customer_id=self._user_id,
                crm=self.policy.crm,
            )
        )

    # -- the agent ---------------------------------------------------------------------------------------

    async def _agent(self, order: Order | None) -> Reply:
        search = PersonaSearch(self.asking.services, self.session.persona_id or self.policy.persona_id)
        hits = await search.ahead_of(self.heard.text)
        values = {
            "instructions": self.policy.instructions,
            "persona": f"You speak as {fenced_inline(search.persona_id)}." if search.persona_id else "",
            "user_name": fenced_inline(self.session.user_name) if self.session.user_name else "not known",
            "language": self.session.language,
            "summary": shown_summary(self.session.summary),
            "passages": shown_passages(hits),
            "order": self._open_order(order),
        }
        turns = await self.transcript.open_turns(self.session, until=self.heard.seq)
        said = await self.asking.converse(
            REPLY,
            values,
            shown_turns(turns or [self.heard]),
            [*search.tools(), order_tool()],
            lambda: self._speech.say("greeting") if greets(self.heard.text) else quoted_passages(hits, self._speech),
        )
        if models_failed(said) and not hits and not greets(self.heard.text):
            said = replace(said, text=self._speech.say("cannot_answer"))
        return await self._with_order(said, order, search)

    async def _with_order(self, said: ChatReply, order: Order | None, search: PersonaSearch) -> Reply:
        """The reply with the order that it asks about, worded by code, whatever the model said of it."""
        proposal = proposal_in(said.tools)
        if proposal is not None:
            order = await self._proposed(proposal, order)
        text = f"{said.text}\n\n{order_text(order, self._speech)}" if order is not None else said.text
        return Reply(
            text=text,
            provider=said.provider,
            model_id=said.model_id,
            passages=[*search.found],
            order_id=order.order_id if order is not None else None,
            open_question=said.provider != "extractive" and bool(_ASKS.search(said.text)),  # our own sentence is none
            note="; ".join(filter(None, [search.trouble, said.fallback_reason])),
        )

    def _open_order(self, order: Order | None) -> str:
        if order is None:
            return ""
        told = "This order is not placed: it waits for the customer's yes and is shown again below your answer:"
        return f"{told}\n{fenced('order', order_text(order, self._speech), _LONGEST_ORDER)}"

    @property
    def _orders(self) -> OrderDesk:
        return OrderDesk(self.asking.services.documents)

    @property
    def _speech(self) -> Speech:
        return speech(self.session.language)
