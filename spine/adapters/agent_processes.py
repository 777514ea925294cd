"""The processes of one attempt, by identity: found by start time, by descent and by a mark in their environment.

Linux only: everything is read from /proc. A signal is sent through a pidfd, so it never reaches a process that took
over the number in between.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from spine.agents_port import ProcessIdentity
from spine.errors import ExternalServiceError

RUN_MARK = "MILLRACE_RUN"
"""Every process of an attempt inherits this variable; its value is the attempt's `run_id`."""

_KILLED_WITHIN = 10.0
_LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class _Process:
    """A process that lives: number and start time name it for good."""

    pid: int
    start_time: int
    parent: int
    group: int
    session: int

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.start_time


@lru_cache(maxsize=1)
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int, run_id: str) -> ProcessIdentity | None:
    """The identity of a process that lives now; None when it has ended."""
    found = _process(pid)
    if found is None:
        return None
    return ProcessIdentity(pid=pid, start_time=found.start_time, boot_id=boot_id(), pgid=pid, sid=pid, run_id=run_id)


async def end_attempt(identity: ProcessIdentity, grace_seconds: float) -> bool:
    """End every process of the attempt: SIGTERM, `grace_seconds`, SIGKILL; True when there was one.

    Raises `ExternalServiceError` when one survives SIGKILL (it hangs in the kernel): then the next attempt must wait.
    """
    if identity.boot_id != boot_id():
        return False
    remaining = await asyncio.to_thread(processes_of, identity)
    if not remaining:
        return False
    _send_all(remaining, signal.SIGTERM)
    remaining = await _outlive(identity, remaining, grace_seconds)
    deadline = time.monotonic() + _KILLED_WITHIN
    while remaining and time.monotonic() < deadline:
        _send_all(remaining, signal.SIGKILL)
        remaining = await _outlive(identity, remaining, 2 * _LOOK_EVERY)
    if remaining:
        pids = ", ".join(str(one.pid) for one in remaining)
        raise ExternalServiceError(f"Processes {pids} of an earlier attempt do not end; the next one waits for them.")
    return True


async def _outlive(identity: ProcessIdentity, known: list[_Process], seconds: float) -> list[_Process]:
    """Those of the attempt that still live after `seconds`; returns at once when none does."""
    deadline = time.monotonic() + seconds
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        found = await asyncio.to_thread(processes_of, identity, known)
        if not found or time.monotonic() >= deadline:
            return found
        known = found


def processes_of(identity: ProcessIdentity, known: Iterable[_Process] = ()) -> list[_Process]:
    """The attempt's processes that live: the recorded one, its group and session, who carries the mark, who was
    `known` before, and all their descendants. Never this process."""
    alive = {process.pid: process for process in map(_process, _pids()) if process}
    keys = {process.key for process in known}
    leader = alive.get(identity.pid)
    # Without its leader a session's number proves nothing: it may have been given out again.
    is_led = leader is not None and leader.start_time == identity.start_time
    roots = {
        pid
        for pid, process in alive.items()
        if process.key in keys
        or (is_led and identity.pid in (pid, process.group, process.session))
        or (identity.run_id and _is_marked(pid, identity.run_id))
    }
    chosen = _with_descendants(roots, alive) - {os.getpid()}
    return [alive[pid] for pid in sorted(chosen)]


def _with_descendants(roots: set[int], alive: dict[int, _Process]) -> set[int]:
    children: dict[int, list[int]] = {}
    for process in alive.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - called often


def _process(pid: int) -> _Process | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if not fields or fields[0] in "ZX":
        return None
    return _Process(pid, int(fields[19]), int(fields[1]), int(fields[2]), int(fields[3]))


def _is_marked(pid: int, run_id: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{RUN_MARK}={run_id}".encode() in environment.split(b"\0")


def _send_all(processes: Iterable[_Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(OSError):
            _send(process, number)


def _send(process: _Process, number: signal.Signals) -> None:
    handle = os.pidfd_open(process.pid)
    try:
        now = _process(process.pid)
        if now is not None and now.start_time == process.start_time:
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)
