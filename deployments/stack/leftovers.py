"""Ends what a supervisor that was killed has left running, and nothing else."""

from __future__ import annotations

from deployments.stack import processes
from deployments.stack.processes import ProcessId
from deployments.stack.state import StackState


def find_leftovers(state: StackState) -> list[ProcessId]:
    """Processes of the recorded stack that still run although its supervisor does not.

    Known by pid and start time, or by the stack's mark in the environment that descendants inherit.
    """
    if state.is_supervised:
        return []
    recorded = [part.process for part in state.parts if part.process]
    alive = {process for process in recorded if processes.is_alive(process)}
    return sorted(alive | set(processes.marked(processes.STACK_MARK, state.stack_id)), key=lambda process: process.pid)


def end_leftovers(state: StackState | None, grace: float = 5.0) -> int:
    """End them; how many there were."""
    found = find_leftovers(state) if state else []
    processes.end(found, grace)
    return len(found)
