"""A coding agent's command line: what is run for a card, with which limits and which keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

from spine import agents_port
from spine.agent_commands import check
from spine.agents_port import AgentLimits
from spine.errors import InvalidInputError

MB = 1_000_000


class AgentCommand(Block):
    """A coding agent that cards can name. The name under which the block is saved is the agent's name."""

    _block_type_name = "Agent Command"
    _block_type_slug = "agent-command"
    _description = "Command line, prompt delivery, progress and limits of a coding agent that runs backlog cards."

    argv: list[str] = Field(
        min_length=1,
        description="program and arguments, no shell; {prompt_file} {workdir} {card_id} {python} are replaced",
    )
    prompt_by: Literal["stdin", "file"] = Field(default="stdin", description="how the agent gets its prompt")
    progress: Literal["json-lines", "markers", "elapsed"] = Field(
        default="elapsed", description="where progress comes from; elapsed is shown as an estimate"
    )
    events: Literal["", "claude", "codex", "gemini", "opencode"] = Field(
        default="", description="whose JSON events it writes; empty: Millrace's own"
    )
    markers: list[str] = Field(default=[], description="regular expressions with (?P<percent>…) and (?P<step>…)")
    env_allow: list[str] = Field(default=[], description="variables taken over from the lane, such as HTTPS_PROXY")
    env: dict[str, str] = Field(default={}, description="variables that are set for the agent")
    secrets: dict[str, SecretStr] = Field(
        default={}, description="variables with keys; their values are replaced wherever the agent prints them"
    )
    soft_seconds: float = Field(default=1700.0, gt=0, description="then it gets SIGTERM and the grace period")
    hard_seconds: float = Field(default=1800.0, gt=0, description="then everything it started is killed")
    grace_seconds: float = Field(default=10.0, ge=0, description="between SIGTERM and SIGKILL")
    cpu_seconds: int | None = Field(default=None, gt=0, description="processor time of each of its processes")
    memory_mb: int | None = Field(default=None, gt=0, description="memory of all its processes together")
    file_mb: int | None = Field(default=None, gt=0, description="the largest file that it may write")
    open_files: int | None = Field(default=None, gt=0, description="open files of each of its processes")
    output_mb: int = Field(default=200, gt=0, description="output after which it is ended")
    retry_on: list[int] = Field(default=[75], description="exit codes after which a later attempt may succeed")

    @model_validator(mode="after")
    def _can_be_run(self) -> AgentCommand:
        try:
            check(self.command(""))
        except InvalidInputError as error:
            raise ValueError(error.message) from error
        return self

    def command(self, name: str) -> agents_port.AgentCommand:
        """The command under the block's saved `name`, its keys in the environment, its placeholders not filled yet."""
        return agents_port.AgentCommand(
            name=name,
            argv=tuple(self.argv),
            env_allow=tuple(self.env_allow),
            env={**self.env, **{key: value.get_secret_value() for key, value in self.secrets.items()}},
            prompt_by=self.prompt_by,
            progress=self.progress,
            events=self.events,
            markers=tuple(self.markers),
            limits=self.limits,
            retry_on=tuple(self.retry_on),
        )

    @property
    def limits(self) -> AgentLimits:
        return AgentLimits(
            soft_seconds=self.soft_seconds,
            hard_seconds=self.hard_seconds,
            grace_seconds=self.grace_seconds,
            cpu_seconds=self.cpu_seconds,
            memory_bytes=self.memory_mb * MB if self.memory_mb else None,
            file_bytes=self.file_mb * MB if self.file_mb else None,
            open_files=self.open_files,
            output_bytes=self.output_mb * MB,
        )

    @property
    def hidden(self) -> Sequence[SecretStr]:
        """What must not be seen in the agent's output."""
        return tuple(self.secrets.values())
