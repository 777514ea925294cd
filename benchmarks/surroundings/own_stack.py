"""A whole stack in a home of its own, for as long as a bench needs one."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.surroundings.processes import tree
from deployments.stack.environment import load_environment
from deployments.stack.home import Home
from deployments.stack.state import load_state
from tests.stack.whole_stack import WholeStack


@contextmanager
def own_stack(*up: str, **environment: str) -> Generator[WholeStack]:
    """`millrace up` with the words `up`, without the demo; taken down at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", ignore_cleanup_errors=True) as folder:
        stack = WholeStack(Path(folder) / "home", **environment)
        try:
            stack.command("up", "--no-demo", *up, timeout=300)
            yield stack
        finally:
            stack.close()


def redis_of(stack: WholeStack, database: int = 0) -> str:
    """The address of its Redis. Databases other than 0 are free for what stands beside the stack."""
    address = load_environment(Home(stack.home))["MILLRACE_REDIS_URL"]
    return f"{address.rpartition('/')[0]}/{database}"


def processes_by_part(stack: WholeStack) -> dict[str, list[psutil.Process]]:
    """Every process of the stack under the name of its part, the supervisor's own under `supervisor`."""
    state = load_state(Home(stack.home))
    if state is None:
        return {}
    parts = {part.name: tree(part.pid) for part in state.parts if part.pid}
    return {
        "supervisor": [psutil.Process(state.supervisor_pid)],
        **{name: some for name, some in parts.items() if some},
    }


def processes_of(stack: WholeStack) -> list[psutil.Process]:
    """The supervisor and all below it, the stores included."""
    state = load_state(Home(stack.home))
    return tree(state.supervisor_pid) if state else []
