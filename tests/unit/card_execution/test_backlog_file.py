"""Reading a backlog: every complaint has its place, and one of them refuses the whole."""

from __future__ import annotations

from typing import Any

import pytest

from spine.backlog_file import backlog_text, check_dependencies, read_backlog
from spine.contracts.cards import Card
from spine.errors import InvalidInputError

GOOD = {"card_id": "CARD-1", "title": "Write it"}


@pytest.mark.parametrize("value", [[GOOD], {"cards": [GOOD]}], ids=["list", "object"])
def test_a_backlog_is_a_list_of_cards(value: object) -> None:
    [card] = read_backlog(value)
    assert (card.card_id, card.title, card.priority) == ("CARD-1", "Write it", 5)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param("cards", "list of cards", id="no list"),
        pytest.param([], "at least one", id="empty"),
        pytest.param([GOOD] * 2001, "at most 2000", id="too many"),
        pytest.param([GOOD, "x"], "cards[1]", id="no object"),
        pytest.param([GOOD, {"card_id": "b"}], "cards[1].title", id="no title"),
        pytest.param([{**GOOD, "priority": 10}], "cards[0].priority", id="priority above 9"),
        pytest.param([{**GOOD, "priority": -1}], "cards[0].priority", id="priority below 0"),
        pytest.param([GOOD, {**GOOD, "priority": True}], "cards[1].priority", id="yes as a priority"),
        pytest.param([{**GOOD, "priority": "7"}], "cards[0].priority", id="a priority as text"),
        pytest.param(
            [{**GOOD, "checks": [{"argv": ["x"], "timeout": True}]}], "cards[0].checks.0.timeout", id="a time of yes"
        ),
        pytest.param([{**GOOD, "owner": "me"}], "cards[0].owner", id="unknown field"),
        pytest.param([GOOD, GOOD], "cards[1].card_id: CARD-1 stands here 2 times", id="twice"),
        pytest.param([{**GOOD, "card_id": "../x"}], "cards[0].card_id", id="an id that is a path"),
        pytest.param([{**GOOD, "card_id": "a..b"}], "cards[0].card_id", id="an id that no branch can have"),
        pytest.param([{**GOOD, "checks": [{"argv": []}]}], "cards[0].checks.0.argv", id="a check without a command"),
        pytest.param([{**GOOD, "checks": ["make test"]}], "cards[0].checks.0", id="a check for a shell"),
        pytest.param([{**GOOD, "required_files": ["/etc/passwd"]}], "cards[0].required_files.0", id="absolute"),
        pytest.param([{**GOOD, "required_files": ["a/../../b"]}], "cards[0].required_files.0", id="outside"),
    ],
)
def test_one_card_that_does_not_fit_refuses_all_and_is_named_with_its_place(value: object, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_backlog(value)
    fields = [f"{one['field']}: {one['message']}" for one in refused.value.details.get("fields", [])]
    assert told in "\n".join([refused.value.message, *fields])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b'[\n{"card_id": }\n]', "line 2", id="no json"),
        pytest.param(b"\xff\xfe[]", "UTF-8", id="another encoding"),
        pytest.param(b"[" * 100_000, "nested", id="a bomb"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(data: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        backlog_text(data)


@pytest.mark.parametrize(
    ("cards", "known", "told"),
    [
        pytest.param({"a": ["x"]}, {}, "a.depends_on: x is no card", id="unknown"),
        pytest.param({"a": ["b"], "b": ["a"]}, {}, "(a → b → a|b → a → b)", id="cycle"),
        pytest.param({"a": ["b"]}, {"b": ["c"], "c": ["a"]}, "wait for each other", id="cycle through the store"),
    ],
)
def test_unknown_dependencies_and_cycles_are_named(
    cards: dict[str, list[str]], known: dict[str, list[str]], told: str
) -> None:
    with pytest.raises(InvalidInputError, match=told):
        check_dependencies([Card(card_id=id, title=id, depends_on=needed) for id, needed in cards.items()], known)


def test_a_card_may_depend_on_one_that_is_stored() -> None:
    stored: dict[str, Any] = {"b": []}
    check_dependencies([Card(card_id="a", title="a", depends_on=["b"])], stored)
