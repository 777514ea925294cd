"""What is said of work after a fault, from what was seen of it outside."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.verdict import Row, Seen, flaw_of, out_of_order, repeated

VERDICTS = [
    pytest.param({}, None, id="done once: well"),
    pytest.param({"status": None}, "lost", id="the gateway does not know it: lost"),
    pytest.param({"effects": 0}, "lost", id="done, and nothing of it outside: lost"),
    pytest.param({"effects": 0, "in_doubt": True}, None, id="nothing outside, listed as in doubt: counted apart"),
    pytest.param({"effects": 2}, "duplicated", id="outside twice: duplicated"),
    pytest.param({"effects": 2, "in_doubt": True}, "duplicated", id="in doubt excuses no second send"),
    pytest.param({"effects": 2, "status": "FAILURE"}, "duplicated", id="failure excuses no second send"),
    pytest.param({"spare": 1}, "duplicated", id="a finished stage was done again: duplicated"),
    pytest.param({"effects": 39, "expected": 40}, "lost", id="a passage is missing: lost"),
    pytest.param({"status": "PENDING"}, "stuck", id="never begun: stuck"),
    pytest.param({"status": "PROGRESS"}, "stuck", id="never ended: stuck"),
    pytest.param({"status": "RETRY"}, "stuck", id="waits for ever: stuck"),
    pytest.param({"status": "DEAD", "effects": 0}, "failed", id="healthy work that was given up: failed"),
    pytest.param({"status": "FAILURE", "effects": 0}, "failed", id="healthy work that failed: failed"),
    pytest.param({"status": "DEAD", "poison": True, "effects": 0}, None, id="poison that was given up: well"),
    pytest.param({"status": "STARTED", "poison": True}, "stuck", id="poison that goes on: stuck"),
    pytest.param({"status": "SUCCESS", "poison": True}, "stuck", id="poison that did no harm was no test"),
]


@pytest.mark.parametrize(("facts", "verdict"), VERDICTS)
def test_what_is_said_of_one_piece_of_work(facts: dict[str, Any], verdict: str | None) -> None:
    seen = Seen("message", "42/1", **{"status": "SUCCESS", **facts})
    flaw = flaw_of(seen)
    assert (flaw.what if flaw else None) == verdict


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        pytest.param(["a", "b", "c"], False, id="as written"),
        pytest.param(["a", "c"], False, id="one is missing, the rest in order"),
        pytest.param(["a", "other", "b"], False, id="what nobody wrote has no place"),
        pytest.param(["a", "a", "b"], False, id="a second one is a duplicate, not disorder"),
        pytest.param(["b", "a"], True, id="turned round"),
    ],
)
def test_replies_come_in_the_order_in_which_messages_were_written(heard: list[str], expected: bool) -> None:
    assert out_of_order(heard, ["a", "b", "c"]) is expected


@pytest.mark.parametrize(
    ("done", "attempts", "expected"),
    [
        pytest.param(6, 1, 0, id="as usual"),
        pytest.param(7, 2, 0, id="the one that was cut off is done again"),
        pytest.param(8, 2, 1, id="a finished one too"),
        pytest.param(7, 1, 1, id="nothing was cut off"),
        pytest.param(5, 3, 0, id="less than usual"),
    ],
)
def test_a_lost_attempt_excuses_one_call_that_is_made_again(done: int, attempts: int, expected: int) -> None:
    assert repeated(done, 6, attempts) == expected


def test_more_sends_in_doubt_than_blows_count_as_lost() -> None:
    row = Row("kill")
    row.take([Seen("message", "1", "SUCCESS")], blows=1, ambiguous=1, disorder=[])
    assert row.is_good and row.ambiguous == 1
    row.take([Seen("message", "2", "SUCCESS")], blows=1, ambiguous=3, disorder=[])
    assert (row.lost, row.ambiguous, row.runs, row.rounds, row.is_good) == (2, 4, 2, 2, False)


def test_a_round_that_was_broken_off_is_not_good() -> None:
    row = Row("kill")
    row.broken_off([RuntimeError("the gateway took nothing")])
    assert (row.stuck, row.is_good) == (1, False) and "took nothing" in row.flaws[0]
