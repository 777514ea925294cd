"""What happens after a part's process has ended: a decision, separate from carrying it out."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.stack.parts import Kind

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
FORGIVEN_AFTER = 60.0
START_ATTEMPTS = 3
_TOO_SHORT_A_LIFE = 2.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How one run ended. `healthy_seconds` is None when it never was healthy; `asked` when the supervisor ended it."""

    code: int
    healthy_seconds: float | None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pause` seconds until the next start, None: no further start. `alarm`: say it loudly. `failures` in a row."""

    pause: float | None
    alarm: bool
    failures: int
    gave_up: bool = False


def backoff(failures: int) -> float:
    """Seconds to wait after that many failures in a row: 0.5, 1, 2, … at most 30."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(failures - 1, 0), 16))


def judge(kind: Kind, ending: Ending, failures: int, *, was_ever_healthy: bool) -> Verdict:
    """Restart at once, after a pause, or not at all."""
    lived = ending.healthy_seconds
    if kind is Kind.STEP and ending.code == 0:
        return Verdict(pause=None, alarm=False, failures=0)
    if kind is Kind.LANE and ending.code == 0 and lived is not None and lived >= _TOO_SHORT_A_LIFE:
        return Verdict(pause=0.0, alarm=False, failures=0)
    failures = 1 if lived is not None and lived >= FORGIVEN_AFTER else failures + 1
    if not was_ever_healthy and failures >= START_ATTEMPTS:
        return Verdict(pause=None, alarm=True, failures=failures, gave_up=True)
    return Verdict(pause=backoff(failures), alarm=True, failures=failures)


def describe(code: int) -> str:
    """`exit code 3` or `signal 9`, as a reader of a log expects it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
