"""What an agent's process is told about the world: a short list of variables, and nothing that was not named."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from spine.adapters.agent_processes import RUN_MARK
from spine.agent_commands import taken_over
from spine.agents_port import AgentCommand
from spine.errors import InvalidInputError, NotConfiguredError

EVERYBODY = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "COLORTERM", "TMPDIR",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What nearly every program needs. No key, token or connection string of the lane is among it."""

_STACK_MARK = "MILLRACE_STACK_ID"
"""`millrace down` finds processes that a killed stack left behind by this variable."""

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def agent_environment(command: AgentCommand, own: Mapping[str, str], workdir: Path, run_id: str) -> dict[str, str]:
    """The agent's whole environment. A pattern such as `LC_*` in `env_allow` stands for all names that fit it."""
    taken = taken_over((*EVERYBODY, *command.env_allow), own)
    taken.setdefault("PATH", _DEFAULT_PATH)
    return {
        **taken,
        "PYTHONUNBUFFERED": "1",  # an agent in Python would else show its lines in blocks of 8 KB
        # A plain working directory that lies inside somebody's repository must not be taken for a part of it.
        "GIT_CEILING_DIRECTORIES": str(workdir.parent),
        **command.env,
        **keeper_environment(own, run_id),
    }


def keeper_environment(own: Mapping[str, str], run_id: str) -> dict[str, str]:
    """The marks by which an attempt's processes are found."""
    marks = {RUN_MARK: run_id}
    if stack := own.get(_STACK_MARK):
        marks[_STACK_MARK] = stack
    return marks


def find_program(command: AgentCommand, environment: Mapping[str, str], workdir: Path) -> str:
    """The path of `argv[0]`: searched on the agent's own PATH, or relative to its working directory.

    Raises `NotConfiguredError` when there is none, `InvalidInputError` when the command is empty.
    """
    if not command.argv or not command.argv[0]:
        raise InvalidInputError(f"The agent {command.name!r} has no command; give its argv a program.")
    name = command.argv[0]
    place = str(workdir / name) if "/" in name else name
    found = shutil.which(place, path=environment.get("PATH", _DEFAULT_PATH))
    if found is None:
        raise NotConfiguredError(
            f"The program {name!r} of the agent {command.name!r} is not installed here; install it on every machine "
            "that has a lane for cards, or choose another agent.",
            what=name,
        )
    return str(Path(found).absolute())
