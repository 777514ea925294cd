"""How many lanes the load asks for."""

from __future__ import annotations

import pytest

from deployments.stack.scaling import CALM_SECONDS, parse_dedicated, parse_range, wanted_lanes
from spine.errors import InvalidInputError

LONG = CALM_SECONDS
SHORT = CALM_SECONDS / 2


@pytest.mark.parametrize(
    ("pending", "running", "lanes_now", "calm_seconds", "wanted"),
    [
        pytest.param(0, 0, 1, 0, 1, id="nothing to do keeps the minimum"),
        pytest.param(0, 0, 0, 0, 1, id="fewer than the minimum are filled up"),
        pytest.param(4, 0, 1, 0, 1, id="what one lane can take needs one lane"),
        pytest.param(5, 0, 1, 0, 2, id="one job more needs another lane, at once"),
        pytest.param(1, 4, 1, 0, 2, id="running jobs count as well"),
        pytest.param(11, 0, 1, 0, 3, id="growth goes straight to what is needed"),
        pytest.param(99, 0, 2, 0, 4, id="never more than the maximum"),
        pytest.param(0, 0, 4, 0, 4, id="a short gap gives up no lane"),
        pytest.param(0, 0, 4, SHORT, 4, id="half the calm is not calm enough"),
        pytest.param(0, 0, 4, LONG, 3, id="calm gives up one lane at a time"),
        pytest.param(4, 0, 2, LONG, 2, id="not when the rest would be full"),
        pytest.param(3, 0, 2, LONG, 1, id="but when the rest is three quarters full"),
        pytest.param(0, 0, 1, LONG, 1, id="never fewer than the minimum"),
        pytest.param(0, 0, 9, 0, 4, id="more than the maximum are cut"),
    ],
)
def test_lanes_grow_at_once_and_shrink_slowly(
    pending: int, running: int, lanes_now: int, calm_seconds: float, wanted: int
) -> None:
    assert wanted_lanes(pending, running, lanes_now, 1, 4, per_lane=4, calm_seconds=calm_seconds) == wanted


@pytest.mark.parametrize(("text", "bounds"), [("1..4", (1, 4)), ("2", (2, 2)), ("3..3", (3, 3))])
def test_a_range_is_a_number_or_two(text: str, bounds: tuple[int, int]) -> None:
    assert parse_range(text) == bounds


@pytest.mark.parametrize("text", ["", "x", "0", "4..1", "1..", "..3", "1...4", "-1..2", "1,4"])
def test_another_range_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"1\.\.4"):
        parse_range(text)


def test_a_dedicated_lane_names_its_queues() -> None:
    assert parse_dedicated(["books=a,b", " vip = c "]) == {"books": ("a", "b"), "vip": ("c",)}


@pytest.mark.parametrize(
    "texts",
    [["books"], ["books="], ["=a"], ["books=,"], ["a b=c"], ["live=a"], ["pipelines=a"], ["x=a", "x=b"]],
    ids=lambda texts: " ".join(texts),
)
def test_a_dedicated_lane_without_queues_or_with_a_taken_name_is_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidInputError):
        parse_dedicated(texts)
