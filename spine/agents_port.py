"""The edge to coding agents: one supervised process per card, its output as it comes, and how it ended.

Nothing here starts a process. `spine.adapters.agent_runner` does; `spine.testing.scripted_agents` plays one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import SecretStr

PromptBy = Literal["stdin", "file"]
ProgressBy = Literal["json-lines", "markers", "elapsed"]
ProgressSource = Literal["events", "markers", "estimate"]
OutputStream = Literal["stdout", "stderr"]
ExitReason = Literal[
    "exited", "soft-limit", "hard-limit", "cancelled", "output-limit", "memory", "cpu", "file-size", "lost"
]
"""Why an attempt ended. `cancelled`: its keeper was asked to end it; `lost`: its keeper was killed."""


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What one attempt may use. `None`: as much as the machine gives.

    CPU time, file size and open files hold for each process of the agent, the rest for all of them together.
    """

    soft_seconds: float = 1700.0
    """Then the whole group gets SIGTERM, and `grace_seconds` later SIGKILL."""
    hard_seconds: float = 1800.0
    """Then whatever still lives gets SIGKILL, grace or not."""
    grace_seconds: float = 10.0
    cpu_seconds: int | None = None
    memory_bytes: int | None = None
    """Memory that is really used (resident, shared pages counted once) by all its processes together."""
    file_bytes: int | None = None
    """The largest file that it may write."""
    open_files: int | None = None
    output_bytes: int = 200_000_000
    """stdout and stderr together; an agent that writes more is ended with the reason `output-limit`."""
    line_bytes: int = 65_536
    """Kept of a line; the rest is read and dropped, and the line is marked `cut`."""


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A command with every placeholder filled. `argv` goes to exec as it stands: there is no shell."""

    name: str
    argv: tuple[str, ...]
    env_allow: tuple[str, ...] = ()
    """Names that are taken over from the lane's environment, besides the few every program needs."""
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Variables that are set for this agent, keys among them; they win over the taken-over ones."""
    prompt_by: PromptBy = "stdin"
    progress: ProgressBy = "elapsed"
    limits: AgentLimits = AgentLimits()
    events: str = ""
    """Whose JSON events it writes (`claude`, `codex`, …), for `progress="json-lines"`; empty: Millrace's own form."""
    markers: tuple[str, ...] = ()
    """Regular expressions with the groups `percent` and, if wanted, `step`; for `progress="markers"`."""
    retry_on: tuple[int, ...] = (75,)
    """Exit codes that mean: the same again later may succeed. 75 is the system's own word for that (EX_TEMPFAIL)."""


@dataclass(frozen=True, slots=True)
class ProgressReading:
    """What one line says about the work. `None` and "" mean that it says nothing about that."""

    percent: float | None = None
    step: str = ""
    result: dict[str, Any] | None = None
    input_tokens: int | None = None
    """Of the attempt so far."""
    output_tokens: int | None = None
    cost_usd: float | None = None


class ProgressReader(Protocol):
    """Reads one attempt's output line by line; it may remember what it saw."""

    @property
    def source(self) -> ProgressSource: ...

    def read(self, stream: OutputStream, line: str) -> ProgressReading | None:
        """What the whole plain line says (secrets replaced, up to 1 MiB long); never raises."""
        ...


@dataclass(frozen=True, slots=True)
class AgentTask:
    """One attempt at one card."""

    command: AgentCommand
    prompt: str
    workdir: Path
    secrets: Sequence[SecretStr] = ()
    """Values that are replaced in every line before anyone, the log file included, gets to see it."""
    expected_seconds: float | None = None
    """What such cards took before; only a labelled estimate is made of it."""
    log_path: Path | None = None
    """Where the complete redacted output goes, gzip-compressed; None: nowhere."""
    prompt_file: Path | None = None
    """Where the prompt is written for an agent that takes it by file; the argv names it already."""
    reader: ProgressReader | None = None
    """What understands the agent's own progress; None: only time says something."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Names one process for good: a process id alone is given out again."""

    pid: int
    start_time: int
    """Clock ticks since boot (`/proc/<pid>/stat`, field 22)."""
    boot_id: str
    pgid: int
    sid: int
    run_id: str = ""
    """The value of `MILLRACE_RUN` in the environment that every process of this attempt inherits."""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line of output, secrets replaced."""

    stream: OutputStream
    text: str
    """As the agent wrote it, colours (ANSI sequences) included."""
    plain: str
    """The same without ANSI sequences and control characters."""
    seq: int
    """1, 2, 3, … over both streams of the attempt."""
    at: datetime
    cut: bool = False
    """The line was longer than `line_bytes`."""


@dataclass(frozen=True, slots=True)
class AgentProgress:
    """How far the agent is, and how that is known."""

    percent: float
    """0–100, never falling. Below 100 until the agent has ended."""
    step: str
    source: ProgressSource
    """Where the percentage comes from; `estimate`: from the time that has passed, and from nothing else."""


@dataclass(frozen=True, slots=True)
class AgentUsage:
    """What the agent's processes used; tokens and cost are as the agent itself reported them."""

    cpu_seconds: float | None = None
    peak_rss_bytes: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class AgentExit:
    """How an attempt ended. By the time it is returned no process of the attempt is left."""

    code: int | None
    signal: int | None
    reason: ExitReason
    seconds: float
    last_lines: tuple[str, ...] = ()
    """The last plain lines of both streams, oldest first."""
    usage: AgentUsage = AgentUsage()
    result: dict[str, Any] | None = None
    """The agent's own final event, when it writes one."""
    output_bytes: int = 0
    lines: int = 0
    detail: str = ""
    """One sentence for a person when `reason` is not `exited`."""


AgentEvent = OutputLine | AgentProgress
OnStart = Callable[[ProcessIdentity], Awaitable[None]]
OnEvent = Callable[[AgentEvent], Awaitable[None]]


class AgentRunner(Protocol):
    """Runs agents. Nothing outlives a call: no process, no thread, no open file."""

    async def run(self, task: AgentTask, *, on_start: OnStart, on_event: OnEvent) -> AgentExit:
        """Run one attempt to its end.

        `on_start` is awaited before the agent's program runs: when it raises, or this process dies in it, the
        agent does nothing. `on_event` is awaited for each event in order; a slow one slows the agent down.
        Cancelling the call ends every process of the attempt (SIGTERM, grace, SIGKILL) and only then raises.

        Raises `InvalidInputError` (no such working directory), `NotConfiguredError` (no such program).
        """
        ...

    async def end_orphan(self, identity: ProcessIdentity, grace_seconds: float) -> bool:
        """End what is left of a recorded attempt; True when something was ended.

        Only processes that are proven to be of that attempt get a signal: the same process id with another start
        time, or after a reboot, is left alone.
        """
        ...
