"""A card from the backlog to DONE or FAILED: who works on it, how it is verified, and what a crash leaves."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentCommand, ProcessIdentity
from spine.contracts.cards import AgentRule, CardStatus
from spine.contracts.jobs import JobStatus
from spine.documents import CARD_RUNS, CARDS, JOBS
from spine.errors import AgentFailedError, ConflictError, NotFoundError
from spine.saved_agents import SavedAgent
from spine.services import using
from spine.testing.scripted_agents import Play
from tasks.card_execution.exits import NOTHING_CHECKED
from tasks.card_execution.steps import not_there
from tests.conftest import until
from tests.flows.card_world import card_world
from tests.flows.test_book_review import MakeWorld

WRITES = Play(lines=("reading", "\x1b[32mwriting\x1b[0m"), progress=((40, "edit a.md"),), files={"a.md": "done"})


async def test_a_card_whose_agent_ends_well_is_done_and_says_that_nothing_else_was_checked(
    make_world: MakeWorld,
) -> None:
    backlog = await card_world(make_world, WRITES)
    await backlog.load("c")
    card, job = await backlog.run("c")
    assert (card.status, card.reason, job.status) == (CardStatus.DONE, NOTHING_CHECKED, JobStatus.SUCCESS)
    assert job.result is not None
    assert (job.result["agent"], job.result["agent_reason"], job.result["exit_code"]) == (
        "echo-agent",
        "the default",
        0,
    )
    assert job.result["verification"]["note"] == NOTHING_CHECKED
    assert (Path(job.result["workdir"]) / "a.md").read_text() == "done"
    [task] = backlog.agents.tasks
    assert "# c: Do c" in task.prompt and task.log_path is not None and str(task.log_path) == job.result["log"]


async def test_what_the_agent_says_reaches_the_watchers_in_order_with_its_own_progress(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, WRITES)
    await backlog.load("c")
    _, job = await backlog.run("c")
    logs = [(one.stream, one.message) for one in await backlog.events(job, "log") if one.stream]
    assert logs == [("stdout", "reading"), ("stdout", "\x1b[32mwriting\x1b[0m")]
    steps = [(one.progress, one.current_step) for one in await backlog.events(job, "progress")]
    assert (39.0, "edit a.md") in steps  # 40 % of the agent's share, 5 to 90
    assert [percent for percent, _ in steps] == sorted(percent for percent, _ in steps)


@pytest.mark.parametrize(
    ("fields", "plays", "status", "reason"),
    [
        pytest.param(
            {"required_files": ["a.md"]}, [WRITES], CardStatus.DONE, "", id="the required file is there: nothing to add"
        ),
        pytest.param(
            {"required_files": ["b.md"]}, [WRITES], CardStatus.FAILED, "the required file b.md is missing", id="missing"
        ),
        pytest.param({"checks": [{"argv": ["make"]}]}, [WRITES, Play()], CardStatus.DONE, "", id="the check passes"),
        pytest.param(
            {"checks": [{"argv": ["make"]}]},
            [WRITES, Play(code=2, lines=("2 errors",))],
            CardStatus.FAILED,
            "the check 'make' ended with exit code 2; it last said: 2 errors",
            id="the check fails",
        ),
        pytest.param(
            {},
            [Play(code=1, lines=("no idea",))],
            CardStatus.FAILED,
            "exit code 1 after 0 s; it last said: no idea",
            id="1",
        ),
        pytest.param({}, [Play(code=None, reason="hard-limit")], CardStatus.FAILED, "hard-limit", id="time limit"),
    ],
)
async def test_a_card_is_done_when_agent_checks_and_files_say_so(
    make_world: MakeWorld, fields: dict[str, Any], plays: list[Play], status: CardStatus, reason: str
) -> None:
    backlog = await card_world(make_world, *plays)
    await backlog.load({"card_id": "c", **fields})
    card, job = await backlog.run("c")
    assert card.status is status and reason in card.reason
    assert job.status is (JobStatus.SUCCESS if status is CardStatus.DONE else JobStatus.FAILURE)
    assert job.error is None or reason in job.error.message


async def test_checks_run_in_the_working_directory_within_their_time(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load({"card_id": "c", "checks": [{"argv": ["make", "test"], "timeout": 7}]})
    await backlog.run("c")
    agent, check = backlog.agents.tasks
    assert check.workdir == agent.workdir
    assert (check.command.argv, check.command.limits.soft_seconds) == (("make", "test"), 7)


async def test_rules_choose_the_agent_and_its_keys_stay_out_of_everything_that_is_kept(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(lines=("the key is sk-secret-123",)))
    command = AgentCommand(name="squad-agent", argv=("agent",), env={"KEY": "sk-secret-123"})
    saved = SavedAgent(command, (SecretStr("sk-secret-123"),))
    backlog.world.services.saved_agent = {"squad-agent": saved}.get
    await backlog.policy(rules=[AgentRule(agent="squad-agent", squad="web").model_dump()])
    await backlog.load({"card_id": "c", "squad": "web"})
    _, job = await backlog.run("c")
    assert job.result is not None and job.result["agent"] == "squad-agent"
    assert backlog.agents.tasks[0].command.env["KEY"] == "sk-secret-123"
    documents = backlog.world.services.documents
    kept = [await documents.find(name) for name in (CARDS, CARD_RUNS, JOBS)]
    told = await backlog.world.services.progress.read(job.job_id)
    assert "sk-secret" not in str(kept) + str(told)


async def test_an_agent_that_there_is_not_fails_the_card_before_anything_is_started(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load({"card_id": "c", "agent": "nobody"})
    card, job = await backlog.run("c")
    assert card.status is CardStatus.FAILED and "There is no agent 'nobody'" in card.reason
    assert not backlog.agents.tasks and job.status is JobStatus.FAILURE


async def test_an_agent_that_was_saved_a_moment_ago_is_found(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, WRITES)
    services, saved, refreshed = backlog.world.services, dict[str, SavedAgent](), list[str]()
    services.saved_agent = saved.get

    async def refresh() -> None:
        refreshed.append("once")
        saved["new-agent"] = SavedAgent(AgentCommand(name="new-agent", argv=("agent",)))

    services.refresh_credentials = refresh
    await backlog.load({"card_id": "c", "agent": "new-agent"})
    card, _ = await backlog.run("c")
    assert (card.status, card.agent, refreshed) == (CardStatus.DONE, "new-agent", ["once"])


# -- trying again ----------------------------------------------------------------------------------------------------


async def test_a_retryable_exit_is_tried_again_after_60_120_and_240_seconds_and_then_given_up(
    make_world: MakeWorld,
) -> None:
    backlog = await card_world(make_world, Play(code=75, lines=("busy",)))
    await backlog.load("c")
    card, job = await backlog.run("c")
    waits: list[float] = []
    while job.status is JobStatus.RETRY:
        assert card.status is CardStatus.IN_PROGRESS and f"attempt {job.attempts} failed" in card.reason
        assert job.run_after is not None and job.started is not None
        waits.append(round((job.run_after - job.started).total_seconds(), -1))
        card, job = await backlog.again(job)
    assert waits == [60, 120, 240]
    assert (job.status, job.attempts) == (JobStatus.DEAD, 4) == (JobStatus.DEAD, len(backlog.agents.tasks))
    assert card.status is CardStatus.FAILED and "exit code 75" in card.reason


async def test_a_later_attempt_may_succeed_and_has_a_log_of_its_own(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(code=75), Play())
    await backlog.load("c")
    _, job = await backlog.run("c")
    card, job = await backlog.again(job)
    assert (card.status, job.status, job.attempts) == (CardStatus.DONE, JobStatus.SUCCESS, 2)
    run = await backlog.runs.get(job.job_id)
    assert run is not None and len({*run.logs}) == 2
    assert "attempt 2" in backlog.agents.tasks[1].prompt


async def test_a_card_whose_process_ran_out_of_files_is_tried_again(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = await card_world(make_world, WRITES)
    await backlog.load("c")
    run = backlog.agents.run

    async def starved(*args: Any, **options: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(backlog.agents, "run", starved)
    card, job = await backlog.run("c")
    assert (card.status, job.status) == (CardStatus.IN_PROGRESS, JobStatus.RETRY)
    monkeypatch.setattr(backlog.agents, "run", run)
    card, job = await backlog.again(job)
    assert (card.status, job.status, job.attempts) == (CardStatus.DONE, JobStatus.SUCCESS, 2)


async def test_which_exits_are_tried_again_is_the_operators_word(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(code=3))
    await backlog.policy(retryable_exits=[3], max_retries=1, retry_delay=5)
    await backlog.load("c")
    _, job = await backlog.run("c")
    assert (job.status, job.max_attempts) == (JobStatus.RETRY, 2)


# -- one agent on a card ---------------------------------------------------------------------------------------------


async def test_a_second_run_of_a_card_is_refused_while_the_first_holds_it(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("c")
    asked = await asyncio.gather(*(backlog.desk.run("c") for _ in range(8)), return_exceptions=True)
    [job] = [one for one in asked if not isinstance(one, BaseException)]
    assert all(isinstance(one, ConflictError) for one in asked if one is not job)
    assert (await backlog.desk.get("c")).job_id == job.job_id
    assert await backlog.world.services.documents.count(JOBS, {"status": {"$ne": "REVOKED"}}) == 1


async def test_the_same_idempotency_key_gives_the_run_that_it_made(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("c")
    first = await backlog.desk.run("c", idempotency_key="k")
    await backlog.world.run(first)
    assert (await backlog.desk.run("c", idempotency_key="k")).job_id == first.job_id
    assert (await backlog.desk.run("c", idempotency_key="l")).job_id != first.job_id


async def test_a_flow_that_is_started_for_a_held_card_is_refused_and_changes_nothing(make_world: MakeWorld) -> None:
    from flows.card_execution import card_execution

    backlog = await card_world(make_world)
    await backlog.load("c")
    job = await backlog.desk.run("c")
    with using(backlog.world.services), pytest.raises(ConflictError, match=job.job_id):
        await card_execution("c")
    card = await backlog.desk.get("c")
    assert (card.job_id, card.status) == (job.job_id, CardStatus.PENDING) and not backlog.agents.tasks


async def test_an_agent_that_a_lost_process_left_behind_is_ended_before_the_next_one_starts(
    make_world: MakeWorld,
) -> None:
    backlog = await card_world(make_world, Play(seconds=60), Play())
    await backlog.load("c")
    job = await backlog.desk.run("c")
    killed = backlog.running(job)
    await until(lambda: len(backlog.agents.running) == 1)
    [identity] = backlog.agents.running
    run = await backlog.runs.get(job.job_id)
    assert run is not None and run.process is not None and run.process.pid == identity.pid
    backlog.world.handler.running[job.job_id].cancel()
    await killed
    # As kill -9 leaves it: the process recorded, and running.
    await backlog.world.services.documents.update(
        CARD_RUNS, {"_id": job.job_id}, set={"process": run.process.model_dump()}
    )
    backlog.agents.orphans.add(identity)
    _, job = await backlog.again(await backlog.lose_process(job))
    assert backlog.agents.ended_orphans == [identity] and not backlog.agents.twice_at_once
    assert (job.status, (await backlog.desk.get("c")).status) == (JobStatus.SUCCESS, CardStatus.DONE)


async def test_an_attempt_that_was_taken_over_may_start_no_agent(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("c")
    job = await backlog.desk.run("c")
    ledger = backlog.world.services.ledger
    first = await ledger.begin(job.job_id, "lane:slow")
    assert first is not None
    await backlog.runs.begin(first)
    await asyncio.sleep(0.002)
    await backlog.lose_process(job)
    second = await ledger.begin(job.job_id, "lane:new")
    assert second is not None
    await backlog.runs.begin(second)
    with pytest.raises(ConflictError):
        await backlog.runs.write(first, process=None)
    with pytest.raises(ConflictError):
        await backlog.runs.begin(first)
    await backlog.runs.write(second, process=None)


async def test_a_run_of_an_earlier_job_may_start_no_agent_once_a_newer_one_has_begun(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world)
    await backlog.load("c")
    ledger = backlog.world.services.ledger
    old = await ledger.begin((await backlog.desk.run("c")).job_id, "lane:slow")
    assert old is not None
    await backlog.runs.begin(old)
    await ledger.fail(old, error=_some_error(), usage=old.usage)
    await asyncio.sleep(0.002)
    new = await ledger.begin((await backlog.desk.run("c")).job_id, "lane:new")
    assert new is not None
    await backlog.runs.begin(new)
    with pytest.raises(ConflictError):
        await backlog.runs.write(old, process=None)


async def test_a_crash_between_the_cards_fate_and_the_jobs_end_runs_no_agent_again(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, WRITES)
    await backlog.load("c")
    _, job = await backlog.run("c")
    documents = backlog.world.services.documents
    await documents.update(JOBS, {"_id": job.job_id}, set={"finished": None, "result": None})
    card, job = await backlog.again(await backlog.lose_process(job))
    assert (card.status, job.status, job.attempts) == (CardStatus.DONE, JobStatus.SUCCESS, 2)
    assert len(backlog.agents.tasks) == 1 and job.result is not None and job.result["agent"] == "echo-agent"


async def test_a_failed_job_that_is_put_back_to_work_runs_its_agent_again(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(code=1), Play())
    await backlog.load("c")
    _, job = await backlog.run("c")
    await asyncio.sleep(0.002)
    card, job = await backlog.again(await backlog.world.services.ledger.redrive(job.job_id))
    assert (card.status, job.status) == (CardStatus.DONE, JobStatus.SUCCESS)


async def test_a_cancelled_run_ends_its_agent_and_fails_its_card(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(seconds=60))
    await backlog.load("c")
    job = await backlog.desk.run("c")
    running = backlog.running(job)
    await until(lambda: len(backlog.agents.running) == 1)
    await backlog.world.services.ledger.cancel(job.job_id)
    job = await running
    card = await backlog.desk.get("c")
    assert (job.status, card.status, card.reason) == (JobStatus.REVOKED, CardStatus.FAILED, "The run was cancelled.")
    assert len(backlog.agents.cancelled) == 1 and not backlog.agents.running


async def test_a_process_that_is_asked_to_stop_gives_its_card_back(make_world: MakeWorld) -> None:
    backlog = await card_world(make_world, Play(seconds=60), Play())
    await backlog.load("c")
    job = await backlog.desk.run("c")
    running = backlog.running(job)
    await until(lambda: len(backlog.agents.running) == 1)
    await backlog.world.handler.stop()
    job = await running
    assert (job.status, job.attempts) == (JobStatus.RETRY, 0)
    card, job = await backlog.again(job)
    assert (card.status, job.status) == (CardStatus.DONE, JobStatus.SUCCESS)


async def test_a_job_that_was_given_up_fails_its_card_and_ends_its_agent(make_world: MakeWorld) -> None:
    from deployments.sweeper import sweep_once

    backlog = await card_world(make_world)
    await backlog.policy(max_retries=0)
    await backlog.load("c")
    services = backlog.world.services
    job = await services.ledger.begin((await backlog.desk.run("c")).job_id, "lane:gone")
    assert job is not None
    await backlog.runs.begin(job)
    identity = ProcessIdentity(7, 7, "boot", 7, 7, "run-7")
    process = {name: getattr(identity, name) for name in ("pid", "start_time", "boot_id", "pgid", "sid", "run_id")}
    await backlog.runs.write(job, process=process)
    backlog.agents.orphans.add(identity)
    await services.documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": "2020-01-01T00:00:00.000Z"})
    await sweep_once(services, _NoStarter())
    card = await backlog.desk.get("c")
    assert card.status is CardStatus.FAILED and "stopped without a word" in card.reason
    assert backlog.agents.ended_orphans == [identity]


# -- without a lane --------------------------------------------------------------------------------------------------


async def test_the_flow_runs_from_python_with_the_same_records(make_world: MakeWorld) -> None:
    from flows.card_execution import card_execution

    backlog = await card_world(make_world, WRITES)
    await backlog.load("c")
    with using(backlog.world.services):
        result = await card_execution("c")
    job = await backlog.world.services.ledger.get(result.job_id)
    assert (job.pipeline, job.subject_id, job.queue, job.status) == ("card_execution", "c", "cards", JobStatus.SUCCESS)
    assert (await backlog.desk.get("c")).status is CardStatus.DONE
    with using(backlog.world.services), pytest.raises(NotFoundError):
        await card_execution("nobody")


async def test_a_retryable_exit_without_anyone_to_come_back_fails_at_once(make_world: MakeWorld) -> None:
    from flows.card_execution import card_execution
    from spine.errors import AgentInterruptedError

    backlog = await card_world(make_world, Play(code=75))
    await backlog.load("c")
    with using(backlog.world.services), pytest.raises(AgentInterruptedError):
        await card_execution("c")
    card = await backlog.desk.get("c")
    assert card.status is CardStatus.FAILED and card.job_id is not None
    assert (await backlog.world.services.ledger.get(card.job_id)).status is JobStatus.DEAD


class _NoStarter:
    async def start(self, job: Any) -> None:
        raise AssertionError(f"{job.job_id} was started")


def _some_error() -> Any:
    from spine.jobs import describe

    return describe(AgentFailedError("It failed."))


PRINTS_ITS_KEYS = """#!/bin/sh
cat > /dev/null
echo "$ANTHROPIC_API_KEY" > key.txt
echo "my key is $ANTHROPIC_API_KEY"
exit EXIT_CODE
"""


@pytest.mark.parametrize("check", [None, ["sh", "-c", "cat key.txt; exit 1"]], ids=["in its output", "by a check"])
async def test_a_key_that_an_agent_is_given_by_its_lane_is_shown_nowhere(
    make_world: MakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: list[str] | None
) -> None:
    key = "sk-ant-a-secret-0123456789"
    program = tmp_path / "claude"
    program.write_text(PRINTS_ITS_KEYS.replace("EXIT_CODE", "0" if check else "3"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    backlog = await card_world(make_world)
    backlog.world.services.agents = ProcessAgentRunner()
    await backlog.load({"card_id": "c", "checks": [{"argv": check}] if check else []})
    card, job = await backlog.run("c", "claude-code")
    documents, progress = backlog.world.services.documents, backlog.world.services.progress
    kept = [await documents.find(collection) for collection in (CARDS, CARD_RUNS, JOBS)]
    assert card.status is CardStatus.FAILED and "***" in card.reason
    assert key not in f"{kept} {await progress.read(job.job_id)}"


def test_a_required_file_that_is_a_link_to_itself_is_missing(tmp_path: Path) -> None:
    (tmp_path / "out.txt").symlink_to("out.txt")
    assert not_there(tmp_path, ["out.txt", "x" * 300]) == ["out.txt", "x" * 300]
