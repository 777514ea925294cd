"""What happens after a part has ended."""

from __future__ import annotations

import pytest

from deployments.stack.parts import Kind
from deployments.stack.restarts import FORGIVEN_AFTER, Ending, Verdict, backoff, describe, judge


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (4, 4), (6, 16), (7, 30), (500, 30)]
)
def test_the_pause_doubles_up_to_half_a_minute(failures: int, seconds: float) -> None:
    assert backoff(failures) == seconds


DIED_YOUNG = Ending(code=1, healthy_seconds=3)
DIED_OLD = Ending(code=-9, healthy_seconds=FORGIVEN_AFTER)
NEVER_UP = Ending(code=1, healthy_seconds=None)


@pytest.mark.parametrize(
    ("kind", "ending", "failures", "was_up", "verdict"),
    [
        pytest.param(
            Kind.SERVICE, DIED_YOUNG, 0, True, Verdict(0.5, True, 1), id="a first death is loud and quickly mended"
        ),
        pytest.param(Kind.SERVICE, DIED_YOUNG, 3, True, Verdict(4, True, 4), id="the next ones take longer"),
        pytest.param(Kind.SERVICE, DIED_OLD, 6, True, Verdict(0.5, True, 1), id="a healthy while is forgiven"),
        pytest.param(Kind.SERVICE, NEVER_UP, 9, True, Verdict(30, True, 10), id="what was up once is never given up"),
        pytest.param(
            Kind.SERVICE, Ending(0, 5), 0, True, Verdict(0.5, True, 1), id="a service that ends by itself has died"
        ),
        pytest.param(Kind.SERVICE, NEVER_UP, 0, False, Verdict(0.5, True, 1), id="a failed start is tried again"),
        pytest.param(Kind.SERVICE, NEVER_UP, 2, False, Verdict(None, True, 3, gave_up=True), id="but only three times"),
        pytest.param(Kind.LANE, Ending(0, 99), 4, True, Verdict(0, False, 0), id="a lane recycles itself quietly"),
        pytest.param(Kind.LANE, Ending(0, 0.5), 0, True, Verdict(0.5, True, 1), id="not within its first seconds"),
        pytest.param(Kind.LANE, DIED_YOUNG, 0, True, Verdict(0.5, True, 1), id="a lane that fails has died"),
        pytest.param(
            Kind.STEP, Ending(0, None), 0, False, Verdict(None, False, 0), id="a step that ended well is done"
        ),
        pytest.param(
            Kind.STEP, NEVER_UP, 2, False, Verdict(None, True, 3, gave_up=True), id="a step that fails gives up"
        ),
    ],
)
def test_an_ending_is_judged(kind: Kind, ending: Ending, failures: int, was_up: bool, verdict: Verdict) -> None:
    assert judge(kind, ending, failures, was_ever_healthy=was_up) == verdict


@pytest.mark.parametrize(("code", "said"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal 9")])
def test_an_exit_code_is_said_in_words(code: int, said: str) -> None:
    assert describe(code) == said
