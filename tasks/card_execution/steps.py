"""The tasks of a card: what touches the world, shown one by one in the Prefect UI.

None is retried or cached here: an agent may have changed files before it failed, so another try is another attempt of
the job, with its own record. They are given names only; the attempt comes from `current_work`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from spine.agent_secrets import secrets_in_environment
from spine.agents_port import AgentCommand, AgentExit, AgentLimits, AgentTask
from spine.contracts.cards import Check
from spine.saved_agents import SavedAgent
from tasks.card_execution.agents.attempt_task import agent_task
from tasks.card_execution.attempt import GRACE_SECONDS, CardWork, current_work, end_left_behind
from tasks.card_execution.commands import agent_named
from tasks.card_execution.live_output import LiveOutput
from tasks.card_execution.past_runs import expected_seconds
from tasks.card_execution.prompt import build_prompt

AGENT_SHARE = (5.0, 90.0)
CHECKS_SHARE = (90.0, 99.0)
_CHECKED_OUTPUT = 20_000_000  # bytes; a check that writes more has lost its way


@task(name="end earlier agents", persist_result=False, cache_policy=NO_CACHE)
async def end_earlier_agents(card_id: str) -> list[int]:
    """Process ids of agents that a lost process had left behind on this card; all of them are gone now."""
    return await end_left_behind(current_work().services, card_id)


@task(name="prepare workdir", persist_result=False, cache_policy=NO_CACHE)
async def prepare_workdir(card_id: str, repository: str | None) -> str:
    """The card's working directory: a folder of its own, or a git worktree of the repository it names."""
    return str(await current_work().services.workdirs.prepare(card_id, repository))


@task(name="run agent", task_run_name="{agent} on {card_id}", persist_result=False, cache_policy=NO_CACHE)
async def run_agent(card_id: str, agent: str, workdir: str) -> AgentExit:
    """Run the agent on the card to its end, its output told as it comes."""
    work = current_work()
    found = agent_named(agent, work.services.saved_agent)
    made = agent_task(
        found.command,
        card_id=card_id,
        prompt=build_prompt(work.card, work.job.attempts),
        workdir=Path(workdir),
        attempt_files=attempt_files(work),
        secrets=_secrets_of(found),
        expected_seconds=await expected_seconds(work.services.documents, agent),
    )
    return await _supervised(work, made, AGENT_SHARE, agent)


@task(name="run check", task_run_name="check {number} of {card_id}", persist_result=False, cache_policy=NO_CACHE)
async def run_check(card_id: str, number: int, workdir: str) -> AgentExit:
    """Run the card's check (counted from 1) in the working directory, supervised like an agent."""
    work = current_work()
    check = work.card.checks[number - 1]
    agent = agent_named(work.record.agent, work.services.saved_agent)
    made = _check_task(check, number, Path(workdir), _secrets_of(agent))
    return await _supervised(work, made, CHECKS_SHARE, f"check {number}")


@task(name="look for files", task_run_name="required files of {card_id}", persist_result=False, cache_policy=NO_CACHE)
async def missing_files(card_id: str, workdir: str) -> list[str]:
    """The required files that are not there; what a link points to outside of the working directory does not count."""
    return await asyncio.to_thread(not_there, Path(workdir), current_work().card.required_files)


def not_there(workdir: Path, required: list[str]) -> list[str]:
    root = workdir.resolve()
    return [path for path in required if not _is_file_inside(root, path)]


def _is_file_inside(root: Path, path: str) -> bool:
    try:
        real = (root / path).resolve()
        return real.is_relative_to(root) and real.is_file()
    except (OSError, RuntimeError):  # a link that leads to itself, a name that no file system can hold
        return False


def attempt_files(work: CardWork) -> Path:
    """Where the attempt's files go; a job that is put back to work counts its attempts anew, and keeps the old logs."""
    attempt = f"{work.job.job_id}-{work.job.attempts}"
    again = sum(Path(log).name.startswith(f"{attempt}.") for log in work.record.logs)
    return work.services.workdirs.attempt_files(work.card.card_id, f"{attempt}.{again + 1}" if again else attempt)


async def _supervised(work: CardWork, task: AgentTask, share: tuple[float, float], step: str) -> AgentExit:
    if task.log_path is not None:
        work.record = await work.runs.write(work.job, push={"logs": str(task.log_path)})
    async with LiveOutput(work.run, share, step) as output:
        try:
            return await work.services.agents.run(task, on_start=work.started, on_event=output.take)
        finally:
            await asyncio.shield(work.ended())


def _secrets_of(agent: SavedAgent) -> tuple[SecretStr, ...]:
    return (*agent.secrets, *secrets_in_environment(agent.command, os.environ))


def _check_task(check: Check, number: int, workdir: Path, secrets: tuple[SecretStr, ...]) -> AgentTask:
    """A check may print what the agent wrote down, so its output is freed of the agent's secrets."""
    limits = AgentLimits(
        soft_seconds=check.timeout,
        hard_seconds=check.timeout + GRACE_SECONDS,
        grace_seconds=GRACE_SECONDS,
        output_bytes=_CHECKED_OUTPUT,
    )
    command = AgentCommand(name=f"check {number}", argv=tuple(check.argv), limits=limits)
    return AgentTask(command=command, prompt="", workdir=workdir, secrets=secrets)
