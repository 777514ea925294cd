"""From an agent's template and a card to what the runner is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from spine.agent_commands import fill
from spine.agents_port import AgentCommand, AgentTask
from tasks.card_execution.agents.reading import reader_for


def agent_task(
    command: AgentCommand,
    *,
    card_id: str,
    prompt: str,
    workdir: Path,
    attempt_files: Path,
    secrets: Sequence[SecretStr] = (),
    expected_seconds: float | None = None,
) -> AgentTask:
    """One attempt, ready to run. `attempt_files` is a path without a suffix: beside it lie the attempt's files,
    `….log.gz` and, for an agent that reads it there, `….prompt.md`.

    Raises `InvalidInputError` when the template asks for something that is not there.
    """
    prompt_file = attempt_files.with_name(f"{attempt_files.name}.prompt.md")
    filled = fill(
        command,
        {"card_id": card_id, "workdir": str(workdir), "prompt_file": str(prompt_file), "python": sys.executable},
    )
    return AgentTask(
        command=filled,
        prompt=prompt,
        workdir=workdir,
        secrets=tuple(secrets),
        expected_seconds=expected_seconds,
        log_path=attempt_files.with_name(f"{attempt_files.name}.log.gz"),
        prompt_file=prompt_file if command.prompt_by == "file" else None,
        reader=reader_for(command),
    )
