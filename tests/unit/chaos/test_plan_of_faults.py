"""The plan of a chaos run: a seed gives one plan, and every fault gets its turn."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.catalogue import FAULTS
from tests.chaos.plan import LOAD_SECONDS, Fault, Round, rounds

_LONGEST = 60.0


def planned(seed: int, number: int = 60, longest: float = _LONGEST) -> list[Round]:
    return list(islice(rounds(seed, FAULTS, longest), number))


def test_the_same_seed_gives_the_same_plan_and_another_seed_another_one() -> None:
    assert planned(7) == planned(7)
    assert [one.told() for one in planned(7)] != [one.told() for one in planned(8)]


def test_every_fault_comes_once_before_any_comes_twice() -> None:
    names = [one.fault.name for one in planned(3, 3 * len(FAULTS))]
    for begin in range(0, len(names), len(FAULTS)):
        assert len(set(names[begin : begin + len(FAULTS)])) == len(FAULTS)
    assert names[: len(FAULTS)] == [fault.name for fault in FAULTS]


def test_a_plan_that_is_cut_short_begins_as_the_long_one_does() -> None:
    assert planned(5, 4) == planned(5, 40)[:4]


@pytest.mark.parametrize("seed", range(5))
def test_the_first_blow_falls_into_the_load_and_none_lasts_too_long(seed: int) -> None:
    for one in planned(seed, longest=10.0):
        assert all(0 <= strike.lasts <= 10.0 and 0 <= strike.choice < 1 for strike in one.strikes)
        assert all(strike.at <= LOAD_SECONDS / 2 for strike in one.strikes[:1])
        low, high = one.fault.strikes
        assert low <= len(one.strikes) <= high


def test_a_round_says_what_it_will_do() -> None:
    fault = Fault("the network cut", "freeze", "redis", strikes=(1, 1), lasts=(3.0, 3.0))
    (one,) = islice(rounds(1, [fault], _LONGEST), 1)
    assert one.told() == f"round 1: the network cut (after {one.strikes[0].at:.1f} s for 3.0 s)"


def test_the_faults_have_names_of_their_own_and_some_are_short() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert any(fault.short for fault in FAULTS)
