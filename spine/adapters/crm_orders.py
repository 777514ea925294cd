"""An order as it is written to a CRM, and the id that an answer gives it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spine.contracts.conversations import Order

_WRAPPERS = ("order", "data", "result")
_LISTS = ("items", "orders", "data", "results")
_IDS = ("id", "order_id")


def order_fields(order: Order, key: str) -> dict[str, Any]:
    """Amounts are decimal text; `external_id` is the idempotency key, by which the order is found again."""
    proposal = order.proposal
    return {
        "external_id": key,
        "reference": order.order_id,
        "customer": {"name": proposal.customer_name, "contact": proposal.customer_contact},
        "items": [{**item.model_dump(), "unit_price": _plain(item.unit_price)} for item in proposal.items],
        "currency": proposal.currency,
        "total": _plain(proposal.total),
        "note": proposal.note,
        "source": order.session_id.partition(":")[0],
    }


def _plain(amount: str) -> str:
    """In ASCII digits without blanks, whichever digits the customer's language has."""
    return f"{Decimal(amount):f}"


def id_in(answer: Any) -> str | None:
    """The order's id in an answer that is the order, or wraps it."""
    if not isinstance(answer, dict):
        return None
    for name in _IDS:
        found = answer.get(name)
        if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
            return str(found)
    return next((id for name in _WRAPPERS if (id := id_in(answer.get(name)))), None)


def found_under(answer: Any, key: str) -> str | None:
    """The id of the order in a list of orders whose `external_id` is the key."""
    orders = answer if isinstance(answer, list) else _listed(answer)
    mine = (order for order in orders if isinstance(order, dict) and order.get("external_id") == key)
    return next((id for order in mine if (id := id_in(order))), None)


def _listed(answer: Any) -> list[Any]:
    if not isinstance(answer, dict):
        return []
    return next((answer[name] for name in _LISTS if isinstance(answer.get(name), list)), [])
