"""Orders: whether a proposal adds up, and the one way from a proposal over the customer's yes to the CRM.

    proposed ──(the customer confirms)──► confirmed ──(the CRM took it)──► created
       │                                      └──(it refused)──► failed ──(driven again)──► created
       └──(declined, or replaced by another proposal)──► rejected

Every arrow is one conditional update: an order is confirmed once, whoever asks and however often.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from babel.numbers import get_currency_precision, list_currencies

from spine.contracts.conversations import Order, OrderItem, OrderProposal, OrderStatus
from spine.contracts.timestamps import iso, utc_now
from spine.conversations import order_document, order_from
from spine.documents import ORDERS
from spine.errors import DuplicateError, NotFoundError
from spine.ports import Documents
from spine.visible_text import shows_something

_MAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_TELEPHONE: Final = re.compile(r"\+?[\d\s()./-]+")
_FEWEST_DIGITS, _MOST_DIGITS = 6, 15
_DEAREST: Final = Decimal(10) ** 9
_WHERE_CREATED: Final = [str(OrderStatus.CONFIRMED), str(OrderStatus.FAILED)]


def proposal_problems(proposal: OrderProposal) -> list[str]:
    """What is wrong with a proposal, in words that its maker can act on; empty when a customer may be asked."""
    return [*_currency_problems(proposal), *_item_problems(proposal), *_total_problems(proposal), *_customer(proposal)]


def order_total(proposal: OrderProposal) -> Decimal:
    """The sum of the items. Only of a proposal without problems."""
    return sum((line_total(item) for item in proposal.items), Decimal(0))


def line_total(item: OrderItem) -> Decimal:
    return Decimal(item.unit_price) * item.quantity


class OrderDesk:
    """Reads and writes `orders`. Holds nothing between calls."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def get(self, order_id: str) -> Order:
        document = await self._documents.get(ORDERS, order_id)
        if document is None:
            raise NotFoundError(f"There is no order {order_id}.")
        return order_from(document)

    async def propose(self, order: Order) -> Order:
        """Store the order; one that is stored under its id already stays as it is."""
        try:
            await self._documents.insert(ORDERS, order_document(order))
        except DuplicateError:
            return await self.get(order.order_id)
        return order

    async def confirm(self, order_id: str, message_id: str) -> Order | None:
        """The order, confirmed by this message; None when it is not open any more, or another message confirmed it."""
        confirmed = await self._move(order_id, [OrderStatus.PROPOSED], OrderStatus.CONFIRMED, confirmed_by=message_id)
        if confirmed is not None:
            return confirmed
        order = await self.get(order_id)
        return order if order.confirmed_by == message_id else None

    async def reject(self, order_id: str, why: str) -> Order | None:
        return await self._move(order_id, [OrderStatus.PROPOSED], OrderStatus.REJECTED, error=why)

    async def created(self, order_id: str, crm: str, crm_order_id: str) -> Order:
        """The CRM took it; a second time changes nothing."""
        values = {"crm": crm, "crm_order_id": crm_order_id, "error": None}
        moved = await self._move(order_id, _WHERE_CREATED, OrderStatus.CREATED, **values)
        return moved or await self.get(order_id)

    async def failed(self, order_id: str, why: str) -> Order | None:
        """The CRM will not take it as it is; its job can be driven again."""
        return await self._move(order_id, _WHERE_CREATED, OrderStatus.FAILED, error=why)

    async def _move(self, order_id: str, before: Sequence[str], after: OrderStatus, **values: Any) -> Order | None:
        where = {"_id": order_id, "status": {"$in": [str(status) for status in before]}}
        changes = {"status": str(after), "updated": iso(utc_now()), **values}
        document = await self._documents.update(ORDERS, where, set=changes)
        return order_from(document) if document is not None else None


def _currency_problems(proposal: OrderProposal) -> Iterator[str]:
    if proposal.currency not in list_currencies():
        yield f"currency: {proposal.currency} is no ISO 4217 currency"


def _item_problems(proposal: OrderProposal) -> Iterator[str]:
    for place, item in enumerate(proposal.items, start=1):
        price = _amount(item.unit_price)
        if not shows_something(item.name):
            yield f"item {place}: name must say what it is"
        if price is None or not 0 <= price <= _DEAREST:
            yield f"item {place}: unit_price must be a decimal such as 12.50, from 0 on"
        elif _decimals(price) > get_currency_precision(proposal.currency):
            yield f"item {place}: {proposal.currency} has no amount such as {item.unit_price}"


def _total_problems(proposal: OrderProposal) -> Iterator[str]:
    if any(_amount(item.unit_price) is None for item in proposal.items):
        return
    total, counted = _amount(proposal.total), order_total(proposal)
    if total != counted:
        yield f"total: the items come to {counted:f}, not to {proposal.total}"


def _customer(proposal: OrderProposal) -> Iterator[str]:
    if not shows_something(proposal.customer_name):
        yield "customer_name: must be the customer's name"
    contact = proposal.customer_contact.strip()
    digits = sum(char.isdigit() for char in contact)
    is_telephone = _TELEPHONE.fullmatch(contact) and _FEWEST_DIGITS <= digits <= _MOST_DIGITS
    if not (_MAIL.fullmatch(contact) or is_telephone):
        yield "customer_contact: must be an e-mail address or a telephone number; ask the customer for one"


def _amount(text: str) -> Decimal | None:
    """Plain decimal text; no exponent, no infinity."""
    if not re.fullmatch(r"-?\d{1,12}(\.\d{1,6})?", text.strip()):
        return None
    return Decimal(text.strip())


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
