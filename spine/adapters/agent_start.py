"""What comes before an agent: what it needs is looked for, its prompt is written, its keeper is started."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from spine.adapters import agent_keeper
from spine.adapters.agent_environment import keeper_environment
from spine.agents_port import AgentTask
from spine.errors import ExternalServiceError, InvalidInputError

CHUNK = 1 << 15
"""Bytes that are read from a stream at once; twice as many are held at most."""

_KEEPER = str(Path(agent_keeper.__file__).absolute())


def check_task(task: AgentTask) -> None:
    if not task.workdir.is_dir():
        raise InvalidInputError(f"The agent's working directory {task.workdir} does not exist.")
    if task.command.prompt_by == "file" and task.prompt_file is None:
        raise InvalidInputError(f"The agent {task.command.name!r} takes its prompt by file, and no file is named.")


def write_prompt_file(task: AgentTask) -> None:
    if task.command.prompt_by != "file" or task.prompt_file is None:
        return
    try:
        task.prompt_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        task.prompt_file.touch(mode=0o600)
        task.prompt_file.write_text(task.prompt, encoding="utf-8")
    except OSError as error:
        raise ExternalServiceError(f"The prompt could not be written to {task.prompt_file}: {error}") from error


async def start_keeper(task: AgentTask, run_id: str) -> tuple[Process, tuple[StreamReader, StreamWriter]]:
    ours, keepers = socket.socketpair()
    with keepers:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", _KEEPER, str(keepers.fileno()), task.command.name),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=CHUNK,
                env=keeper_environment(os.environ, run_id),
                cwd="/",
                pass_fds=(keepers.fileno(),),
                start_new_session=True,
            )
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):  # no memory, too many processes or files: other agents will end
                raise ExternalServiceError(f"No process could be started for an agent: {error}") from error
            raise
    return process, await asyncio.open_connection(sock=ours)
