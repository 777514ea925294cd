"""Who works on a card, what it is told, and what the end of its agent means: tables of rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spine.agents_port import AgentExit, AgentProgress
from spine.contracts.cards import AgentPolicy, AgentRule, Card, Check, CheckOutcome
from spine.errors import AgentFailedError, AgentInterruptedError, NotConfiguredError
from tasks.card_execution.agents.presets import PRESETS
from tasks.card_execution.commands import agent_named
from tasks.card_execution.exits import (
    NOTHING_CHECKED,
    check_outcome,
    failure_of,
    unmet,
    verification_of,
)
from tasks.card_execution.live_output import step_of
from tasks.card_execution.prompt import build_prompt
from tasks.card_execution.selection import select_agent
from tasks.card_execution.steps import not_there


def card(**fields: Any) -> Card:
    return Card.model_validate({"card_id": "c", "title": "Fix the login", **fields})


POLICY = AgentPolicy(
    default_agent="echo-agent",
    rules=[
        AgentRule(agent="squad-agent", squad="web"),
        AgentRule(agent="label-agent", labels=["bug", "urgent"]),
        AgentRule(agent="title-agent", title="fix *"),
        AgentRule(agent="never", title="fix *"),
    ],
)


@pytest.mark.parametrize(
    ("given", "asked", "agent", "reason"),
    [
        pytest.param({"agent": "own", "squad": "web"}, "asked", "asked", "asked for with this run", id="asked for"),
        pytest.param({"agent": "own", "squad": "web"}, None, "own", "the card names it", id="the card's own"),
        pytest.param({"squad": "web", "title": "fix it"}, None, "squad-agent", "rule 1 fits", id="the first rule"),
        pytest.param({"labels": ["urgent", "bug"], "title": "x"}, None, "label-agent", "rule 2 fits", id="all labels"),
        pytest.param({"labels": ["bug"], "title": "x"}, None, "echo-agent", "the default", id="one label is too few"),
        pytest.param({}, None, "title-agent", "rule 3 fits", id="title in any case"),
        pytest.param({"title": "Refix it"}, None, "echo-agent", "the default", id="the pattern is for the whole title"),
    ],
)
def test_the_agent_is_chosen_by_the_first_that_says_so(
    given: dict[str, Any], asked: str | None, agent: str, reason: str
) -> None:
    chosen = select_agent(card(**given), asked, POLICY)
    assert (chosen.agent, chosen.reason) == (agent, reason)


def test_an_unknown_agent_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(NotConfiguredError, match="echo-agent"):
        agent_named("nobody", lambda _: None)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        pytest.param("http://127.0.0.1:4200/api", "save an Agent Command block of this name", id="with a stack"),
        pytest.param(None, "only where PREFECT_API_URL names .*`millrace up`.* save the block there", id="without"),
    ],
)
def test_who_misses_an_agent_hears_where_a_block_of_it_counts(
    monkeypatch: pytest.MonkeyPatch, address: str | None, told: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    if address is not None:
        monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(NotConfiguredError, match=f"{told}, or use one of .*echo-agent"):
        agent_named("nobody", lambda _: None)


def test_a_saved_agent_wins_over_a_preset() -> None:
    saved = agent_named("codex", lambda _: None)
    assert agent_named("echo-agent", lambda _: saved) is saved
    assert agent_named("echo-agent", lambda _: None).command is PRESETS["echo-agent"]


def ended(code: int | None = 0, reason: str = "exited", signal: int | None = None, *lines: str) -> AgentExit:
    return AgentExit(code, signal, reason, 12.0, lines or ("working", "gave up"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "kind", "told"),
    [
        pytest.param(ended(0), None, "", id="0"),
        pytest.param(ended(1), AgentFailedError, "ended with exit code 1 after 12 s", id="1"),
        pytest.param(ended(75), AgentInterruptedError, "exit code 75", id="temporary failure"),
        pytest.param(ended(None, signal=9), AgentInterruptedError, "killed by signal 9", id="killed from outside"),
        pytest.param(ended(None, signal=11), AgentFailedError, "killed by signal 11", id="crashed"),
        pytest.param(ended(75, "soft-limit"), AgentFailedError, "was ended (soft-limit)", id="time limit"),
        pytest.param(ended(None, "hard-limit", 9), AgentFailedError, "was ended (hard-limit)", id="hard limit"),
        pytest.param(ended(None, "output-limit", 15), AgentFailedError, "output-limit", id="too much output"),
        pytest.param(ended(None, "lost", 9), AgentInterruptedError, "lost", id="its keeper was killed"),
    ],
)
def test_only_some_ends_are_worth_another_try(how: AgentExit, kind: type[Exception] | None, told: str) -> None:
    failure = failure_of("codex", how, AgentPolicy().retryable_exits)
    assert (type(failure) if failure else None) is kind
    assert failure is None or (told in str(failure) and "gave up" in str(failure))


def test_which_exits_are_retryable_can_be_said() -> None:
    assert isinstance(failure_of("codex", ended(3), {3}), AgentInterruptedError)
    assert isinstance(failure_of("codex", ended(75), {3}), AgentFailedError)


CHECK = Check(argv=["pytest", "-q"])


@pytest.mark.parametrize(
    ("how", "passed", "reason"),
    [
        pytest.param(ended(0), True, "", id="0"),
        pytest.param(ended(2), False, "ended with exit code 2", id="2"),
        pytest.param(ended(None, "soft-limit", 15), False, "was ended (soft-limit)", id="too slow"),
        pytest.param(ended(0, "output-limit"), False, "was ended (output-limit)", id="0 but ended"),
    ],
)
def test_a_check_passes_by_exit_code_0_within_its_time(how: AgentExit, passed: bool, reason: str) -> None:
    outcome = check_outcome(CHECK, how)
    assert (outcome.passed, outcome.reason) == (passed, reason)


OK = CheckOutcome(argv=["a"], passed=True)
BAD = CheckOutcome(argv=["make", "test"], passed=False, reason="ended with 2")


@pytest.mark.parametrize(
    ("given", "checks", "missing", "passed", "told"),
    [
        pytest.param({}, [], [], True, "", id="nothing to check"),
        pytest.param({"checks": [CHECK]}, [OK], [], True, "", id="checks pass"),
        pytest.param({"checks": [CHECK]}, [OK, BAD], [], False, "the check 'make test' ended with 2", id="one fails"),
        pytest.param({"required_files": ["a"]}, [], ["a"], False, "the required file a is missing", id="file missing"),
        pytest.param({"required_files": ["a"]}, [], [], True, "", id="file there"),
    ],
)
def test_the_verdict(
    given: dict[str, Any], checks: list[CheckOutcome], missing: list[str], passed: bool, told: str
) -> None:
    verdict = verification_of(card(**given), checks, missing)
    assert (verdict.passed, unmet(verdict)) == (passed, told)
    assert verdict.note == ("" if given else NOTHING_CHECKED)


def test_a_required_file_counts_only_inside_the_working_directory(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "secret"
    (work / "docs").mkdir(parents=True)
    (work / "docs" / "a.md").touch()
    outside.touch()
    (work / "link").symlink_to(outside)
    assert not_there(work, ["docs/a.md", "docs", "link", "b.md"]) == ["docs", "link", "b.md"]


def test_the_prompt_names_everything_that_will_be_verified() -> None:
    told = build_prompt(
        card(
            description="The form loses the password.",
            acceptance=["One can log in"],
            required_files=["docs/login.md"],
            checks=[{"argv": ["pytest", "-k", "log in"]}],
        ),
        attempt=2,
    )
    for part in (
        "# c: Fix the login",
        "loses the password",
        "- One can log in",
        "- docs/login.md",
        "pytest -k 'log in'",
    ):
        assert part in told
    assert "attempt 2" in told and "attempt" not in build_prompt(card()).lower()


def test_a_percentage_that_is_guessed_from_the_time_says_so() -> None:
    assert step_of(AgentProgress(10, "", "estimate"), "codex") == "codex (estimate)"
    assert step_of(AgentProgress(10, "edit a.py", "events"), "codex") == "edit a.py"
