"""A stack of small scripts under a supervisor process of its own, and ways to wait for what it does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployments.stack import processes
from deployments.stack.home import Home
from deployments.stack.leftovers import end_leftovers
from deployments.stack.state import PartState, StackState, load_state

SCRIPT = Path(__file__).with_name("stack_script.py")


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class ScriptedStack:
    """A supervisor over scripts, and what its state says."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.supervisors: list[subprocess.Popen[str]] = []

    def start(self, *parts: dict[str, Any], lanes: list[dict[str, Any]] | None = None) -> subprocess.Popen[str]:
        plan = self.home.root / "plan.json"
        plan.write_text(json.dumps({"parts": parts, "lanes": lanes or []}))
        self.depth({})
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.home.root), str(plan)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.supervisors.append(process)
        return process

    def depth(self, depths: dict[str, int]) -> None:
        draft = self.home.root / "depth.new"
        draft.write_text(json.dumps(depths))
        draft.replace(self.home.root / "depth.json")

    @property
    def state(self) -> StackState | None:
        """What the supervisor that was started last has written."""
        state = load_state(self.home)
        return state if state and state.supervisor_pid == self.supervisors[-1].pid else None

    def part(self, name: str) -> PartState | None:
        return self.state.part(name) if self.state else None

    def wait_for(self, state: str) -> StackState:
        return wait_until(lambda: self.state if self.state and self.state.state == state else None, f"stack {state}")

    def wait_for_part(self, name: str, state: str) -> PartState:
        def reached() -> PartState | None:
            part = self.part(name)
            return part if part and part.state == state else None

        return wait_until(reached, f"{name} {state}")

    def text(self, name: str) -> str:
        path = self.home.root / name
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        for process in self.supervisors:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            if process.stdout and not process.stdout.closed:
                process.communicate()
            process.wait()
        end_leftovers(load_state(self.home), grace=0.2)


def is_gone(pid: int) -> bool:
    return processes.identify(pid) is None


def living_of(stack_id: str) -> list[processes.ProcessId]:
    return processes.marked(processes.STACK_MARK, stack_id)
