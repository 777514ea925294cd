"""Small agents in Python for the tests, and what watches their processes."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spine.adapters.agent_runner import ProcessAgentRunner
from spine.agents_port import AgentCommand, AgentExit, AgentProgress, AgentTask, OutputLine, ProcessIdentity

DEAF_FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
subprocess.Popen(sleeper)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, sleeper, {})  # another session, another parent, an empty environment
    os._exit(0)
os.wait()
print("family complete", flush=True)
time.sleep(600)
"""
"""Ignores SIGTERM, has a child that does, and a daemon that left group, session, parent and environment behind."""


@dataclass
class Watched:
    """Runs one agent and keeps everything that it tells."""

    workdir: Path
    identity: ProcessIdentity | None = None
    lines: list[OutputLine] = field(default_factory=list[OutputLine])
    progress: list[AgentProgress] = field(default_factory=list[AgentProgress])
    pause: float = 0.0

    async def on_start(self, identity: ProcessIdentity) -> None:
        self.identity = identity

    async def on_event(self, event: OutputLine | AgentProgress) -> None:
        if self.pause:
            await asyncio.sleep(self.pause)
        if isinstance(event, OutputLine):
            self.lines.append(event)
        else:
            self.progress.append(event)

    async def run(self, task: AgentTask) -> AgentExit:
        return await ProcessAgentRunner().run(task, on_start=self.on_start, on_event=self.on_event)

    def start(self, task: AgentTask) -> asyncio.Task[AgentExit]:
        return asyncio.create_task(self.run(task))

    @property
    def run_id(self) -> str:
        assert self.identity is not None
        return self.identity.run_id

    def said(self, text: str) -> bool:
        return any(text in line.plain for line in self.lines)


def python_agent(script: str, **fields: Any) -> AgentCommand:
    return AgentCommand(name="test-agent", argv=(sys.executable, "-c", script), **fields)


def family_of(leader: int) -> list[int]:
    """Living processes below `leader`, and itself."""
    parents = {pid: fields for pid in all_pids() if (fields := _stat(pid)) and fields[0] not in "ZX"}
    found = [leader] if leader in parents else []
    for pid in found:
        found += [child for child, fields in parents.items() if int(fields[1]) == pid]
    return found


def is_alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def is_marked(pid: int, run_id: str) -> bool:
    try:
        return f"MILLRACE_RUN={run_id}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def keeper_of(agent: int) -> int:
    return int(_stat(agent)[1])


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
