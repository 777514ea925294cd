"""Starting and stopping a stack from outside: the process that supervises it, and the wait for what it does."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from deployments.stack import processes
from deployments.stack.environment import project_root
from deployments.stack.home import Home
from deployments.stack.lane_scaler import QueueDepth, no_depth
from deployments.stack.leftovers import end_leftovers
from deployments.stack.logs import last_lines, open_log
from deployments.stack.parts import Kind, Plan
from deployments.stack.state import StackState, load_state, new_state, save_state
from deployments.stack.supervisor import Supervisor
from spine.errors import ExternalServiceError, MillraceError

log = logging.getLogger("millrace.stack")

OnChange = Callable[[StackState], None]
_LOOK_EVERY = 0.1
_STOP_SECONDS = 90.0


def supervise(
    home: Home,
    make_plan: Callable[[Mapping[str, int]], Plan],
    *,
    queue_depth: QueueDepth = no_depth,
    on_change: OnChange | None = None,
) -> int:
    """Run the stack in this process until it is asked to stop; the exit code.

    `make_plan` is given the ports of the last run. `ConflictError` when another supervisor has this home; a plan that
    cannot be made is written to the state as well, for those who wait for it.
    """
    home.prepare()
    home.require_room()
    with home.being_started(), home.supervised():
        previous = load_state(home)
        if count := end_leftovers(previous):
            log.warning("ended %d processes that a killed supervisor had left", count)
        remembered = previous.ports if previous else {}
        try:
            plan = make_plan(remembered)
        except MillraceError as error:
            _record_failure(home, remembered, error)
            raise
        return asyncio.run(_run(home, plan, queue_depth, on_change))


async def _run(home: Home, plan: Plan, queue_depth: QueueDepth, on_change: OnChange | None) -> int:
    return await Supervisor(home, plan, queue_depth=queue_depth, on_change=on_change).run()


def _record_failure(home: Home, remembered: Mapping[str, int], error: MillraceError) -> None:
    state = new_state()
    state.state, state.error, state.ports = "failed", error.message, dict(remembered)
    save_state(home, state)


def running_state(home: Home) -> StackState | None:
    """The state of the stack that is supervised now; None when there is none."""
    state = load_state(home)
    return state if state and state.is_supervised and state.state != "failed" else None


def start_detached(home: Home, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `millrace supervise` in a session of its own; it goes on when this process and its terminal end."""
    home.prepare()
    home.require_room()
    output = open_log(home.log_of("supervisor"))
    try:
        with home.being_started() as mark:
            return subprocess.Popen(
                [sys.executable, "-m", "deployments.cli", "supervise", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=project_root(),
                env={**os.environ, "MILLRACE_HOME": str(home.root)},
                start_new_session=True,
                pass_fds=(mark,),  # until it ends, so that `down` waits for the state that it will write
            )
    finally:
        os.close(output)


def wait_until_up(
    home: Home, started: subprocess.Popen[bytes] | None, on_change: OnChange, patience: float = 600.0
) -> StackState:
    """The state once every part is healthy; calls `on_change` with every new state meanwhile.

    `ExternalServiceError` with the last log lines of the part that failed, when the stack ends instead.
    """
    seen: StackState | None = None
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        state = _state_of(home, started)
        if state and state != seen:
            on_change(state)
            seen = state
        if state and state.state == "running":
            return state
        if _is_over(state, started):
            raise _failure(home, state)
        time.sleep(_LOOK_EVERY)
    raise ExternalServiceError(
        f"The stack did not become healthy within {patience:.0f} s: see {home.logs}, and `millrace down` to stop it.",
        service="stack",
    )


def _state_of(home: Home, started: subprocess.Popen[bytes] | None) -> StackState | None:
    """What the started supervisor wrote, or another one that was there first; None until there is something."""
    state = load_state(home)
    if state is None or started is None or state.supervisor_pid == started.pid:
        return state
    return state if started.poll() is not None and state.is_supervised else None


def _is_over(state: StackState | None, started: subprocess.Popen[bytes] | None) -> bool:
    if state is None:
        return started is None or started.poll() is not None
    return state.state in ("failed", "stopped") or not state.is_supervised


def _failure(home: Home, state: StackState | None) -> ExternalServiceError:
    """What went wrong, with the end of the log that tells why; a refusal that was said in words needs no log."""
    ended = "it was stopped before it ran" if state and state.state == "stopped" else "the supervisor ended"
    reason = ((state.error if state else None) or ended).rstrip(".")
    failed = state.part(state.failed_part) if state and state.failed_part else None
    name = failed.name if failed else "supervisor"
    told = state is not None and state.error is not None and (failed is None or failed.kind == Kind.EXTERNAL)
    lines = [] if told else last_lines(home.log_of(name))
    tail = "".join(f"\n  | {line}" for line in lines)
    return ExternalServiceError(
        f"The stack was not started: {reason}." + (f"\nEnd of {home.log_of(name)}:{tail}" if tail else ""),
        service=name,
    )


def stop(home: Home, on_change: OnChange, patience: float = _STOP_SECONDS) -> bool:
    """Stop the stack, whatever state it is in; False when nothing was running. Nothing of it runs afterwards."""
    state = _state_once_started(home)
    if state is None:
        return False
    if not state.is_supervised:
        return end_leftovers(state) > 0
    processes.send(state.supervisor, signal.SIGTERM)
    if not _wait_for_end(home, state, on_change, patience):
        processes.send(state.supervisor, signal.SIGKILL)
        time.sleep(0.2)
    end_leftovers(load_state(home) or state)
    return True


def _state_once_started(home: Home, patience: float = 30.0) -> StackState | None:
    """The state, after a supervisor that is on its way has written it; it needs a second to come that far."""
    deadline = time.monotonic() + patience
    while True:
        state = load_state(home)
        if (state and state.is_supervised) or not home.is_being_started() or time.monotonic() > deadline:
            return state
        time.sleep(_LOOK_EVERY)


def _wait_for_end(home: Home, state: StackState, on_change: OnChange, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while state.is_supervised:
        if time.monotonic() > deadline:
            return False
        current = load_state(home)
        if current:
            on_change(current)
        time.sleep(_LOOK_EVERY)
    return True
