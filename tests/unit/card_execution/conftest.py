"""A working directory and a watcher for each test of agents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spine.agents_port import AgentTask
from tests.unit.card_execution.agent_scripts import Watched, python_agent


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    workdir = tmp_path / "work"
    workdir.mkdir()
    return Watched(workdir)


@pytest.fixture
def scripted(watched: Watched) -> Callable[..., AgentTask]:
    """A task that runs a Python script: fields of the command, and `task` for fields of the task."""

    def make(script: str, prompt: str = "", task: dict[str, Any] | None = None, **command: Any) -> AgentTask:
        return AgentTask(python_agent(script, **command), prompt, watched.workdir, **(task or {}))

    return make
