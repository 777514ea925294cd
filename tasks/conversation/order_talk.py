"""Orders in a conversation: the tool that proposes one, its exact wording, and the customer's answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from spine.chat_port import ChatTool, ToolUse
from spine.contracts.conversations import Order, OrderItem, OrderProposal, OrderStatus, Turn
from spine.errors import InvalidInputError, MillraceError
from spine.message_notes import is_forwarded, own_words
from spine.orders import line_total, order_total, proposal_problems
from tasks.book_review.prompt_data import defused, fenced, inline
from tasks.conversation.asking import Asking
from tasks.conversation.language import Decision, Speech, decision
from tasks.conversation.template import CONFIRMATION

ORDER_TOOL = "propose_order"

_ABOUT = """\
Propose an order to the customer, when every item with its quantity and price and the customer's name and contact are \
known. It is checked and shown to the customer, who then confirms or declines it. Nothing is created by this."""
_ACCEPTED = """\
The order adds up. It is added to your answer, with the question whether to place it; do not repeat it. Another \
propose_order call takes its place: if there is more to order, propose everything again in one call with all items."""
_ONE_AT_A_TIME = """\
Not proposed: one order at a time can be proposed, and only the first call of an answer counts. Call propose_order \
once more, with all items in one order. What cannot be in one order, such as items in another currency or for another \
customer, has to wait until the customer has answered: say so."""
_LONGEST = 4_000  # characters of an order or an answer in a prompt

_MEANING = {"confirmed": Decision.YES, "declined": Decision.NO, "other": Decision.UNCLEAR}


class OrderAnswer(BaseModel):
    """What a customer's words mean for the order that was shown."""

    answer: Literal["confirmed", "declined", "other"]


def order_tool() -> ChatTool:
    return ChatTool(ORDER_TOOL, _ABOUT, OrderProposal, _checked, one_at_a_time=_ONE_AT_A_TIME)


def proposal_in(uses: Sequence[ToolUse]) -> OrderProposal | None:
    """The last proposal that stood the check: a later answer corrects an earlier one."""
    valid = [use.input for use in uses if use.name == ORDER_TOOL and isinstance(use.input, OrderProposal)]
    return valid[-1] if valid else None


def order_text(order: Order, speech: Speech) -> str:
    """The order word for word, as the customer confirms it, and the question."""
    proposal = order.proposal
    lines = [speech.say("order"), *(f"• {_line(item)}" for item in proposal.items)]
    lines.append(speech.say("order_total", total=f"{order_total(proposal):f}", currency=proposal.currency))
    lines.append(
        speech.say("order_for", name=inline(proposal.customer_name), contact=inline(proposal.customer_contact))
    )
    if note := " ".join(defused(proposal.note).split()):
        lines.append(speech.say("order_note", note=note))
    return "\n".join([*lines, "", speech.say("order_ask")])


def asks_about(last_said: Turn, order: Order, job_id: str) -> bool:
    """Whether our last words put this very order to the customer, before the message of that job was there."""
    return last_said.reply is not None and last_said.reply.order_id == order.order_id and job_id not in last_said.ahead


async def answer_to_order(asking: Asking, order: Order, text: str, speech: Speech) -> Decision:
    """What the customer's message says to the order that was just shown. What stays unclear is no confirmation."""
    if is_forwarded(text):
        return Decision.UNCLEAR
    text = own_words(text)
    said = decision(text)
    if said is not Decision.UNCLEAR or order.status is not OrderStatus.PROPOSED:
        return said
    values = {
        "order": fenced("order", order_text(order, speech), _LONGEST),
        "message": fenced("answer", text, _LONGEST),
    }
    try:
        read = await asking.judge(CONFIRMATION, values, OrderAnswer, lambda: OrderAnswer(answer="other"))
    except MillraceError:
        return Decision.UNCLEAR  # nobody could read it: the order is shown again, and asked for again
    return _MEANING[read.answer]


async def _checked(proposal: OrderProposal) -> str:
    if problems := proposal_problems(proposal):
        raise InvalidInputError("; ".join(problems))
    return _ACCEPTED


def _line(item: OrderItem) -> str:
    sku = f" ({inline(item.sku)})" if item.sku.strip() else ""
    return f"{item.quantity} × {inline(item.name)}{sku}: {item.unit_price} → {line_total(item):f}"
