"""Which proposals may be put to a customer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.contracts.conversations import Order, OrderItem, OrderProposal
from spine.orders import order_total, proposal_problems
from tasks.conversation.language import LANGUAGES, speech
from tasks.conversation.order_talk import order_text


def proposal(**changes: Any) -> OrderProposal:
    fields = {
        "items": [{"name": "Ribbon", "quantity": 3, "unit_price": "0.10"}],
        "currency": "EUR",
        "total": "0.30",
        "customer_name": "Ana Pop",
        "customer_contact": "ana@example.com",
    }
    return OrderProposal.model_validate(fields | changes)


def item(price: str, quantity: int = 1) -> dict[str, Any]:
    return {"name": "Ribbon", "quantity": quantity, "unit_price": price}


SOUND: dict[str, dict[str, Any]] = {
    "as it is": {},
    "trailing zeros": {"total": "0.3"},
    "thrice a tenth is exactly three tenths": {"items": [item("0.1", 3)], "total": "0.3"},
    "a gift": {"items": [item("0")], "total": "0.00"},
    "yen have no decimals": {"currency": "JPY", "items": [item("500", 2)], "total": "1000"},
    "dinars have three": {"currency": "KWD", "items": [item("1.250")], "total": "1.25"},
    "a telephone number": {"customer_contact": "+40 (721) 123-456"},
}


@pytest.mark.parametrize("changes", SOUND.values(), ids=SOUND)
def test_a_proposal_that_adds_up_may_be_shown(changes: dict[str, Any]) -> None:
    assert proposal_problems(proposal(**changes)) == []


UNSOUND: dict[str, tuple[dict[str, Any], str]] = {
    "another total": ({"total": "0.31"}, "the items come to 0.30, not to 0.31"),
    "a total in words": ({"total": "thirty cents"}, "the items come to 0.30"),
    "a price in words": ({"items": [item("cheap")]}, "item 1: unit_price must be a decimal"),
    "a negative price": ({"items": [item("-5"), item("5")], "total": "0"}, "item 1: unit_price"),
    "not a number": ({"items": [item("NaN")], "total": "NaN"}, "item 1: unit_price"),
    "infinite": ({"items": [item("Infinity")], "total": "Infinity"}, "item 1: unit_price"),
    "an exponent": ({"items": [item("1e3")], "total": "1000"}, "item 1: unit_price"),
    "a thousands separator": ({"items": [item("1,000.00")], "total": "1000"}, "item 1: unit_price"),
    "less than a cent": ({"items": [item("0.105", 2)], "total": "0.21"}, "EUR has no amount such as 0.105"),
    "half a yen": ({"currency": "JPY", "items": [item("0.5", 2)], "total": "1"}, "JPY has no amount"),
    "no currency": ({"currency": "ZZZ"}, "ZZZ is no ISO 4217 currency"),
    "a nameless customer": ({"customer_name": "   "}, "customer_name"),
    "a customer whose name shows nothing": ({"customer_name": "\u200b"}, "customer_name"),
    "an item whose name shows nothing": (
        {"items": [{"name": "\u2060 ", "quantity": 1, "unit_price": "0.30"}]},
        "item 1: name must say what it is",
    ),
    "no contact": ({"customer_contact": "call me"}, "customer_contact"),
    "a mail address without its end": ({"customer_contact": "ana@example"}, "customer_contact"),
    "five digits": ({"customer_contact": "12345"}, "customer_contact"),
}


@pytest.mark.parametrize(("changes", "told"), UNSOUND.values(), ids=UNSOUND)
def test_a_proposal_that_does_not_is_refused_with_the_reason(changes: dict[str, Any], told: str) -> None:
    assert told in "; ".join(proposal_problems(proposal(**changes)))


@given(
    st.lists(
        st.tuples(st.integers(1, 10_000), st.decimals(0, 10_000, places=2, allow_nan=False)), min_size=1, max_size=20
    )
)
def test_totals_are_exact_whatever_the_numbers(lines: list[tuple[int, Decimal]]) -> None:
    items = [item(f"{price:f}", quantity) for quantity, price in lines]
    cents = sum(quantity * int(price * 100) for quantity, price in lines)
    offer = proposal(items=items, total=f"{cents // 100}.{cents % 100:02}")
    assert proposal_problems(offer) == []
    assert order_total(offer) * 100 == cents


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_customer_is_shown_everything_that_will_be_ordered(language: str) -> None:
    items = [OrderItem(sku="R-1", name="Ribbon\nred", quantity=3, unit_price="0.10")]
    offer = proposal(items=[one.model_dump() for one in items], note="By Friday,\nplease")
    shown = order_text(Order(order_id="ord_1", session_id="ana", proposal=offer), speech(language))
    for part in ("3 × Ribbon red (R-1): 0.10 → 0.30", "0.30 EUR", "Ana Pop", "ana@example.com", "By Friday, please"):
        assert part in shown
    assert shown.endswith(speech(language).say("order_ask"))


def test_what_is_noted_to_an_order_turns_none_of_its_words_round() -> None:
    offer = proposal(note="\u202eBy Friday\u200b")
    shown = order_text(Order(order_id="ord_1", session_id="ana", proposal=offer), speech("en"))
    assert "By Friday" in shown and not {"\u202e", "\u200b"} & set(shown)
