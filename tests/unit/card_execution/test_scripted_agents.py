"""The twin in memory keeps the promises of the real runner."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentCommand, AgentRunner, AgentTask, ProcessIdentity
from spine.testing.scripted_agents import Play, ScriptedAgents
from tests.conftest import until
from tests.unit.card_execution.agent_scripts import Watched, python_agent

HELLO = "print('hello s3cret', flush=True)"


@pytest.fixture(params=["a process", "scripted"])
def runner(request: pytest.FixtureRequest) -> AgentRunner:
    return ProcessAgentRunner() if request.param == "a process" else ScriptedAgents(Play(lines=("hello s3cret",)))


def task(watched: Watched, script: str = HELLO) -> AgentTask:
    return AgentTask(python_agent(script), "", watched.workdir, secrets=[SecretStr("s3cret")])


async def test_a_run_tells_its_identity_first_then_its_lines_then_its_exit(
    runner: AgentRunner, watched: Watched
) -> None:
    order: list[str] = []

    async def on_start(identity: ProcessIdentity) -> None:
        order.append("start")

    async def on_event(event: object) -> None:
        order.append("line")

    ended = await runner.run(task(watched), on_start=on_start, on_event=on_event)
    assert order == ["start", "line"]
    assert (ended.code, ended.reason, ended.last_lines, ended.lines) == (0, "exited", ("hello ***",), 1)


async def test_an_attempt_that_cannot_be_recorded_does_not_run(runner: AgentRunner, watched: Watched) -> None:
    async def on_start(identity: ProcessIdentity) -> None:
        raise RuntimeError("not recorded")

    with pytest.raises(RuntimeError):
        await runner.run(task(watched), on_start=on_start, on_event=watched.on_event)
    assert watched.lines == []


async def test_a_stranger_is_no_orphan(runner: AgentRunner) -> None:
    assert not await runner.end_orphan(ProcessIdentity(1, 1, "another boot", 1, 1, "nobody"), 0.1)


async def test_plays_are_played_in_turn_and_runs_side_by_side_are_noticed(watched: Watched, tmp_path: Path) -> None:
    agents = ScriptedAgents(Play(code=3), Play(files={"a/b": "c"}, seconds=60), Play(seconds=60))
    first = await agents.run(task(watched), on_start=watched.on_start, on_event=watched.on_event)
    assert first.code == 3
    running = [
        asyncio.create_task(agents.run(task(watched), on_start=watched.on_start, on_event=watched.on_event))
        for _ in range(2)
    ]
    await until(lambda: len(agents.running) == 2)
    assert len(agents.twice_at_once) == 1
    assert agents.most_at_once == 2
    for one in running:
        one.cancel()
    await asyncio.wait(running)
    assert len(agents.cancelled) == 2
    assert (watched.workdir / "a/b").read_text() == "c"


async def test_a_play_may_be_chosen_by_task_and_attempt(watched: Watched) -> None:
    agents = ScriptedAgents(choose=lambda task, attempt: Play(code=75 if attempt == 1 else 0))
    codes = [
        (await agents.run(task(watched), on_start=watched.on_start, on_event=watched.on_event)).code for _ in range(3)
    ]
    assert codes == [75, 0, 0]


async def test_an_orphan_is_ended_once(watched: Watched) -> None:
    agents, orphan = ScriptedAgents(), ProcessIdentity(7, 7, "boot", 7, 7, "run")
    agents.orphans.add(orphan)
    assert [await agents.end_orphan(orphan, 0), await agents.end_orphan(orphan, 0)] == [True, False]
    assert agents.ended_orphans == [orphan]


def test_a_command_shows_no_value_of_its_environment() -> None:
    assert "s3cret" not in repr(AgentCommand("a", ("a",), env={"KEY": "s3cret"}))
