"""Rules: which event starts what, and with which values of its payload."""

from __future__ import annotations

from typing import Any

import pytest

from spine.contracts.accounts import WebhookRule
from spine.errors import InvalidInputError
from spine.webhook_rules import check_rules, event_of, rendered, rule_for

PAYLOAD: dict[str, Any] = {
    "type": "book.listed",
    "data": {
        "number": " ",
        "unseen": "\u200b",
        "url": "https://shop.example/dp/1",
        "pages": 312,
        "price": 12.5,
        "signed": False,
        "gone": None,
        "links": ["https://a.example", "https://b.example"],
        "author": {"name": "M. Hale"},
    },
}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        pytest.param("{{ data.url }}", "https://shop.example/dp/1", id="a text"),
        pytest.param("{{data.pages}}", 312, id="a number stays a number"),
        pytest.param(" {{ data.signed }} ", False, id="a truth value stays one"),
        pytest.param("{{ data.gone }}", None, id="null is there"),
        pytest.param("{{ data.links }}", ["https://a.example", "https://b.example"], id="a list stays a list"),
        pytest.param("{{ data.links.1 }}", "https://b.example", id="a place in a list"),
        pytest.param("{{ data.author }}", {"name": "M. Hale"}, id="an object stays one"),
        pytest.param("{{ data.pages }} pages at {{ data.price }}", "312 pages at 12.5", id="inside a text"),
        pytest.param("signed: {{ data.signed }}{{ data.none? }}", "signed: false", id="an optional one inside a text"),
        pytest.param("gone: {{ data.gone? }}.", "gone: .", id="an optional null inside a text"),
        pytest.param("number{{ data.number }}", "number ", id="an empty one inside a text that is no id"),
        pytest.param("no template", "no template", id="plain text"),
        pytest.param(7, 7, id="a plain number"),
        pytest.param({"a": ["{{ data.pages }}"]}, {"a": [312]}, id="inside lists and objects"),
        pytest.param("{{ __class__.__mro__? }}x{{ data.url.upper? }}", "x", id="no attribute is ever looked up"),
    ],
)
def test_a_template_becomes_the_value_that_it_names(template: Any, value: Any) -> None:
    made = rendered({"it": template}, PAYLOAD)["it"]
    assert made == value and type(made) is type(value)


def test_an_optional_part_of_an_id_may_be_missing_where_another_is_there() -> None:
    made = rendered({"session_id": "{{ data.none? }}:{{ data.pages }}", "persona_id": "poe"}, PAYLOAD)
    assert made == {"session_id": ":312", "persona_id": "poe"}


def test_an_optional_value_that_is_missing_leaves_its_parameter_out() -> None:
    assert rendered({"a": "{{ data.none? }}", "b": ["{{ data.none? }}", 1]}, PAYLOAD) == {"b": [1]}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        pytest.param(
            {"amazon_url": "{{ data.link }}"}, r"params\.amazon_url: the payload has no data\.link", id="missing"
        ),
        pytest.param({"a": {"b": ["{{ data.links.9 }}"]}}, r"params\.a\.b\.0: .* data\.links\.9", id="behind the list"),
        pytest.param({"a": "by {{ data.author }}"}, "no single value", id="an object inside a text"),
        pytest.param({"a": "order:{{ data.gone }}"}, r"params\.a: data\.gone is null", id="null inside a text"),
        pytest.param({"chat_id": "c{{ data.number }}"}, r"params\.chat_id: data\.number is empty", id="empty in an id"),
        pytest.param({"chat_id": "c{{ data.unseen }}"}, r"data\.unseen is empty", id="invisible in an id"),
        pytest.param({"session_id": "{{ data.unseen }}"}, r"data\.unseen is empty", id="invisible as an id"),
        pytest.param(
            {"session_id": "order:{{ data.none? }}{{ data.gone? }}{{ data.number? }}"},
            r"params\.session_id: has nothing of the payload in it",
            id="an id that nothing of the payload is in",
        ),
        pytest.param({"a": "{{ data.url.x }}"}, r"no data\.url\.x", id="below a text"),
    ],
)
def test_what_the_payload_lacks_is_named_with_the_parameter_that_wants_it(params: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        rendered(params, PAYLOAD)


RULES = [
    WebhookRule(event="order.created", pipeline="conversation"),
    WebhookRule(event="order.*", pipeline="module_graph"),
    WebhookRule(event="*.listed", pipeline="book_review"),
]


@pytest.mark.parametrize(
    ("event", "pipeline"),
    [
        ("order.created", "conversation"),
        ("order.paid", "module_graph"),
        ("book.listed", "book_review"),
        ("Order.created", None),
        ("", None),
    ],
)
def test_the_first_rule_that_fits_decides(event: str, pipeline: str | None) -> None:
    rule = rule_for(RULES, event)
    assert (rule.pipeline if rule else None) == pipeline


@pytest.mark.parametrize(
    ("payload", "path", "event"),
    [
        ({"type": "a"}, "", "a"),
        ({"event": "b", "topic": "c"}, "", "b"),
        ({"meta": {"kind": "d"}}, "meta.kind", "d"),
        ({"type": "a"}, "meta.kind", ""),
        ({"type": 7}, "", ""),
    ],
)
def test_an_event_is_named_where_the_source_says_or_at_the_usual_places(
    payload: dict[str, Any], path: str, event: str
) -> None:
    assert event_of(payload, path) == event


@pytest.mark.parametrize("text", ["{{ data url }}", "{{ }}", "{{ data.url", "{% if x %}{{ a|b() }}"])
def test_braces_that_are_no_template_are_found_when_a_rule_is_saved(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"mappings\.0\.params\.x"):
        check_rules([WebhookRule(event="*", pipeline="book_review", params={"x": text})])
