"""The order of a backlog, and who may begin when, as tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.card_order import cycle_in, in_order, next_cards, waves
from spine.contracts.cards import Card, CardStatus, Mode

PENDING, DONE, FAILED, BLOCKED, RUNNING = (
    CardStatus.PENDING,
    CardStatus.DONE,
    CardStatus.FAILED,
    CardStatus.BLOCKED,
    CardStatus.IN_PROGRESS,
)


def card(card_id: str, *depends_on: str, priority: int = 5) -> Card:
    return Card(card_id=card_id, title=f"Do {card_id}", depends_on=[*depends_on], priority=priority)


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        pytest.param([card("a"), card("b"), card("c")], "abc", id="equals stay as they came"),
        pytest.param([card("a", priority=1), card("b", priority=9)], "ba", id="9 goes first"),
        pytest.param([card("a", "b", priority=9), card("b", priority=0)], "ba", id="a dependency beats any priority"),
        pytest.param(
            [card("a"), card("b", "a", priority=9), card("c", priority=7)], "cab", id="urgency of what is ready counts"
        ),
        pytest.param([card("a", "x")], "a", id="dependencies outside do not count"),
        pytest.param([card("d", "b", "c"), card("c", "a"), card("b", "a"), card("a")], "acbd", id="a diamond"),
    ],
)
def test_cards_come_after_what_they_depend_on_and_the_urgent_ones_first(cards: list[Card], expected: str) -> None:
    assert "".join(one.card_id for one in in_order(cards)) == expected


@pytest.mark.parametrize(
    ("depends_on", "cycle"),
    [
        pytest.param({"a": ["b"], "b": []}, [], id="none"),
        pytest.param({"a": ["a"]}, ["a", "a"], id="itself"),
        pytest.param({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}, ["a", "b", "c"], id="three"),
    ],
)
def test_a_cycle_is_named_in_the_direction_of_waiting(depends_on: dict[str, list[str]], cycle: list[str]) -> None:
    found = cycle_in(depends_on)
    assert {*found} == {*cycle}
    assert all(after in depends_on[before] for before, after in pairwise(found))
    assert not found or found[0] == found[-1]


CHAIN = [card("a"), card("b", "a"), card("c")]


@pytest.mark.parametrize(
    ("mode", "status", "running", "start", "blocked"),
    [
        # nothing has begun
        pytest.param("sequence", {}, "", "a", "", id="sequence: one"),
        pytest.param("parallel", {}, "", "a", "", id="parallel: nobody overtakes the one that waits"),
        pytest.param("groups", {}, "", "ac", "", id="groups: the first wave"),
        pytest.param("dependencies", {}, "", "ac", "", id="dependencies: whatever is ready"),
        # a runs
        pytest.param("sequence", {}, "a", "", "", id="sequence: the next waits for the end"),
        pytest.param("parallel", {}, "a", "", "", id="parallel: b waits for a, c for b"),
        pytest.param("dependencies", {}, "a", "c", "", id="dependencies: c need not wait"),
        # a is done
        pytest.param("sequence", {"a": DONE}, "", "b", "", id="sequence: the second"),
        pytest.param("parallel", {"a": DONE}, "", "bc", "", id="parallel: both"),
        pytest.param("groups", {"a": DONE}, "", "c", "", id="groups: c belongs to the first wave"),
        pytest.param("groups", {"a": DONE}, "c", "", "", id="groups: the second wave waits for c"),
        pytest.param("groups", {"a": DONE, "c": FAILED}, "", "b", "", id="groups: a failure ends its wave too"),
        # a failed
        pytest.param("sequence", {"a": FAILED}, "", "c", "b", id="sequence: b is blocked and passed over"),
        pytest.param("dependencies", {"a": FAILED}, "", "c", "b", id="dependencies: b is blocked"),
        pytest.param("groups", {"a": BLOCKED}, "", "c", "b", id="blocked blocks on"),
        # everything has ended
        pytest.param("dependencies", {"a": DONE, "b": DONE, "c": FAILED}, "", "", "", id="nothing left"),
    ],
)
def test_who_begins_now(mode: Mode, status: dict[str, CardStatus], running: str, start: str, blocked: str) -> None:
    stands = {one.card_id: PENDING for one in CHAIN} | status
    found = next_cards(CHAIN, stands, {*running}, mode, concurrency=4)
    assert ("".join(found.start), "".join(found.blocked)) == (start, blocked)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param({"x": FAILED}, "depends on x, which is FAILED", id="failed"),
        pytest.param({"x": PENDING}, "depends on x, which is PENDING and no part of this run", id="not in the run"),
        pytest.param({}, "depends on x, which there is not", id="gone"),
    ],
)
def test_a_blocked_card_names_what_it_waits_for(status: dict[str, CardStatus], reason: str) -> None:
    found = next_cards([card("a", "x")], {"a": PENDING, **status}, set(), "dependencies", 1)
    assert found.blocked == {"a": reason} and not found.start


def test_no_more_begin_than_there_are_places() -> None:
    cards = [card(name) for name in "abcdef"]
    stands = {one.card_id: PENDING for one in cards}
    assert next_cards(cards, stands, {"a"}, "dependencies", 3).start == ["b", "c"]


def test_waves_count_from_the_cards_that_depend_on_nothing() -> None:
    assert waves(in_order([card("a"), card("b", "a"), card("c", "a", "b"), card("d")])) == {
        "a": 0,
        "b": 1,
        "c": 2,
        "d": 0,
    }


@st.composite
def backlogs(draw: st.DrawFn) -> list[Card]:
    names = [f"c{number}" for number in range(draw(st.integers(1, 12)))]
    return [
        card(name, *draw(st.sets(st.sampled_from(names[:place]))) if place else (), priority=draw(st.integers(0, 9)))
        for place, name in enumerate(names)
    ]


@given(backlogs(), st.sampled_from(["sequence", "parallel", "groups", "dependencies"]), st.integers(1, 4), st.data())
def test_every_mode_brings_every_card_to_an_end_and_none_before_its_dependencies(
    cards: list[Card], mode: Mode, width: int, data: st.DataObject
) -> None:
    ordered, status = in_order(cards), {one.card_id: PENDING for one in cards}
    by_id, running = {one.card_id: one for one in cards}, set[str]()
    while True:
        step = next_cards(ordered, status, running, mode, width)
        status |= dict.fromkeys(step.blocked, BLOCKED)
        assert all(status[needed] is DONE for id in step.start for needed in by_id[id].depends_on)
        running |= {*step.start}
        assert len(running) <= (1 if mode == "sequence" else width)
        if not running and not step.blocked:
            break
        if running:
            ended = data.draw(st.sampled_from(sorted(running)))
            running.discard(ended)
            status[ended] = data.draw(st.sampled_from([DONE, FAILED]))
    assert PENDING not in status.values()
