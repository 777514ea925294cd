"""What the supervisor knows about its stack, written down so that every command can read it.

The file is `MILLRACE_HOME/run/stack.json`. It holds no secret. It stays after `down`: ports are remembered from it.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from deployments.stack.home import Home, write_private
from deployments.stack.processes import ProcessId, identify, is_alive
from spine.contracts.timestamps import iso, utc_now
from spine.errors import NotConfiguredError


@dataclass(slots=True)
class PartState:
    """One part now.

    `state` is one of waiting, starting, healthy, unhealthy, restarting, draining, stopping, stopped, done, failed,
    skipped. `since` is the moment of its last change, ISO 8601 UTC. `restarts` counts since the stack started.
    """

    name: str
    kind: str
    state: str = "waiting"
    pid: int | None = None
    started: str | None = None
    restarts: int = 0
    port: int | None = None
    since: str = ""
    last_error: str | None = None
    note: str = ""
    queues: list[str] = field(default_factory=list[str])

    @property
    def is_settled(self) -> bool:
        return self.state in ("healthy", "done", "skipped")

    @property
    def process(self) -> ProcessId | None:
        return ProcessId(self.pid, self.started) if self.pid and self.started else None


@dataclass(slots=True)
class StackState:
    """The whole stack now. `state` is one of starting, running, failed, stopping, stopped."""

    stack_id: str
    supervisor_pid: int
    supervisor_started: str
    state: str = "starting"
    error: str | None = None
    failed_part: str | None = None
    since: str = ""
    ports: dict[str, int] = field(default_factory=dict[str, int])
    parts: list[PartState] = field(default_factory=list[PartState])
    queues: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def supervisor(self) -> ProcessId:
        return ProcessId(self.supervisor_pid, self.supervisor_started)

    @property
    def is_supervised(self) -> bool:
        return is_alive(self.supervisor)

    def part(self, name: str) -> PartState | None:
        return next((part for part in self.parts if part.name == name), None)


def new_state() -> StackState:
    """The state of a stack that this process begins to supervise; `NotConfiguredError` without a /proc to read."""
    me = identify(os.getpid())
    if me is None:
        raise NotConfiguredError("The supervisor needs Linux with /proc mounted.", what="/proc")
    return StackState(
        stack_id=secrets.token_hex(8), supervisor_pid=me.pid, supervisor_started=me.started, since=iso(utc_now())
    )


Record = TypeVar("Record", PartState, StackState)


def _build(kind: type[Record], stored: dict[str, Any]) -> Record:
    known = {entry.name for entry in fields(kind)}
    return kind(**{name: value for name, value in stored.items() if name in known})


def load_state(home: Home) -> StackState | None:
    """The state as last written; None when there is none, or it is not readable (then nothing in it can be trusted)."""
    try:
        stored = json.loads(home.state_file.read_text(encoding="utf-8"))
        state = _build(StackState, stored)
        state.parts = [_build(PartState, part) for part in stored["parts"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return state


def save_state(home: Home, state: StackState) -> None:
    write_private(home.state_file, json.dumps(asdict(state), indent=2) + "\n")
