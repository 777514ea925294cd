"""What the end of an agent or of a check means for the card. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from spine.agents_port import AgentExit
from spine.contracts.cards import Card, Check, CheckOutcome, Verification
from spine.errors import AgentFailedError, AgentInterruptedError

NOTHING_CHECKED = "Nothing but the exit code was checked: the card names no checks and no required files."
_SHOWN_LINES = 5


def exit_code(ended: AgentExit) -> int | None:
    """As a shell tells it: 128 + the number of the signal for a process that was killed."""
    return 128 + ended.signal if ended.signal is not None and ended.code is None else ended.code


def failure_of(
    agent: str, ended: AgentExit, retryable_exits: Collection[int]
) -> AgentFailedError | AgentInterruptedError | None:
    """Why the attempt failed, None when the agent says that it did not.

    Only an agent that ended by itself, or was killed from outside, may be worth another try: whoever ran into one of
    its limits would run into it again.
    """
    code = exit_code(ended)
    if ended.reason == "exited" and code == 0:
        return None
    told = _story(f"The agent {agent}", ended)
    if ended.reason in ("exited", "lost") and (ended.reason == "lost" or code in retryable_exits):
        return AgentInterruptedError(told, exit_code=code)
    return AgentFailedError(told, exit_code=code)


def check_outcome(check: Check, ended: AgentExit) -> CheckOutcome:
    passed = ended.reason == "exited" and ended.code == 0
    return CheckOutcome(
        argv=check.argv,
        passed=passed,
        exit_code=exit_code(ended),
        seconds=round(ended.seconds, 3),
        reason="" if passed else _how_it_ended(ended),
        last_lines=[*ended.last_lines][-_SHOWN_LINES:],
    )


def verification_of(card: Card, checks: Sequence[CheckOutcome], missing_files: Sequence[str]) -> Verification:
    """The verdict on an agent's work whose exit code was 0."""
    note = "" if card.checks or card.required_files else NOTHING_CHECKED
    passed = not missing_files and all(check.passed for check in checks)
    return Verification(passed=passed, checks=[*checks], missing_files=[*missing_files], note=note)


def unmet(verification: Verification) -> str:
    """What the verification found wrong, in one sentence for each thing."""
    told = [f"the required file {path} is missing" for path in verification.missing_files]
    told += [
        f"the check {' '.join(check.argv)[:200]!r} {check.reason}{_quoted(check.last_lines)}"
        for check in verification.checks
        if not check.passed
    ]
    return "; ".join(told)


def _story(who: str, ended: AgentExit) -> str:
    return f"{who} {_how_it_ended(ended)} after {ended.seconds:.0f} s{_quoted(ended.last_lines)}."


def _how_it_ended(ended: AgentExit) -> str:
    if ended.reason != "exited":
        return f"was ended ({ended.reason}): {ended.detail}".rstrip(" :.")
    return f"was killed by signal {ended.signal}" if ended.code is None else f"ended with exit code {ended.code}"


def _quoted(lines: Sequence[str]) -> str:
    shown = [line.strip() for line in lines if line.strip()][-_SHOWN_LINES:]
    return f"; it last said: {' | '.join(shown)[-800:]}" if shown else ""
