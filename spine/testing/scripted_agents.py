"""An `AgentRunner` that starts no process: it plays what was written down for it and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from spine.agents_port import (
    AgentExit,
    AgentProgress,
    AgentTask,
    ExitReason,
    OnEvent,
    OnStart,
    OutputLine,
    ProcessIdentity,
)
from spine.secret_redaction import Redactor
from spine.terminal_text import plain_text

BOOT = "scripted-boot"


@dataclass(frozen=True, slots=True)
class Play:
    """One attempt: what it writes, says and leaves, and how it ends."""

    lines: tuple[str, ...] = ()
    progress: tuple[tuple[float, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Written into the working directory, by relative path."""
    code: int | None = 0
    reason: ExitReason = "exited"
    result: dict[str, Any] | None = None
    seconds: float = 0.0
    """Real time that passes after the lines, in which it can be cancelled."""
    error: BaseException | None = None
    """Raised instead of an exit."""


Choose = Callable[[AgentTask, int], Play]
"""The play for a task; the number counts the attempts in the same working directory, from 1."""


class ScriptedAgents:
    """Plays the given plays in turn (the last one again and again), or what a function chooses.

    `most_at_once` and `twice_at_once` say what ran beside what; a working directory stands for its card.
    """

    def __init__(self, *plays: Play, choose: Choose | None = None) -> None:
        self._plays = list(plays) or [Play()]
        self._choose = choose
        self._numbers = count(1)
        self.tasks: list[AgentTask] = []
        self.running: dict[ProcessIdentity, AgentTask] = {}
        self.cancelled: list[AgentTask] = []
        self.most_at_once = 0
        self.twice_at_once: list[AgentTask] = []
        self.orphans: set[ProcessIdentity] = set()
        """Processes that a crashed lane is meant to have left behind; `end_orphan` finds these."""
        self.ended_orphans: list[ProcessIdentity] = []

    async def run(self, task: AgentTask, *, on_start: OnStart, on_event: OnEvent) -> AgentExit:
        number = next(self._numbers)
        identity = ProcessIdentity(number, number, BOOT, number, number, f"run-{number}")
        await on_start(identity)
        play = self._next(task)
        self._note(identity, task)
        try:
            return await _played(play, task, on_event)
        except asyncio.CancelledError:
            self.cancelled.append(task)
            raise
        finally:
            del self.running[identity]

    async def end_orphan(self, identity: ProcessIdentity, grace_seconds: float) -> bool:
        if identity not in self.orphans:
            return False
        self.orphans.remove(identity)
        self.ended_orphans.append(identity)
        return True

    def _next(self, task: AgentTask) -> Play:
        self.tasks.append(task)
        if self._choose is not None:
            return self._choose(task, sum(one.workdir == task.workdir for one in self.tasks))
        return self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]

    def _note(self, identity: ProcessIdentity, task: AgentTask) -> None:
        if any(other.workdir == task.workdir for other in self.running.values()):
            self.twice_at_once.append(task)
        self.running[identity] = task
        self.most_at_once = max(self.most_at_once, len(self.running))


async def _played(play: Play, task: AgentTask, on_event: OnEvent) -> AgentExit:
    redact = Redactor(task.secrets)
    shown = [redact(line) for line in play.lines]
    for number, text in enumerate(shown, start=1):
        await on_event(OutputLine("stdout", text, plain_text(text), number, datetime.now(UTC)))
    for percent, step in play.progress:
        await on_event(AgentProgress(percent, step, "events"))
    for name, content in play.files.items():
        target = task.workdir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    await asyncio.sleep(play.seconds)
    if play.error is not None:
        raise play.error
    last = tuple(plain_text(text) for text in shown[-50:])
    return AgentExit(play.code, None, play.reason, play.seconds, last, result=play.result, lines=len(shown))
