"""Processes by identity: a pid alone may belong to somebody else tomorrow, a pid with its start time may not.

Linux only: everything is read from /proc.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
STACK_MARK = "MILLRACE_STACK_ID"
PART_MARK = "MILLRACE_PART"

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this machine. `started` is clock ticks since boot with the boot's id: no clock change moves it."""

    pid: int
    started: str


@lru_cache(maxsize=1)
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none, or only a zombie."""
    fields = _status_fields(pid)
    if not fields or fields[0] in "ZX":
        return None
    return ProcessId(pid, f"{_boot()}:{fields[19]}")


def is_alive(process: ProcessId) -> bool:
    return identify(process.pid) == process


def resident_bytes(pid: int) -> int:
    """Memory that the process itself holds (RSS, children not counted); 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def environment_of(pid: int) -> dict[str, str]:
    """What the process was started with; empty when it is gone or belongs to another user."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if b"=" in entry)
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, _, value in pairs}


def pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _status_fields(pid: int) -> list[str]:
    """What /proc/PID/stat says after the program's name: state, parent, group, session, …; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return []


def parent_of(pid: int) -> int | None:
    fields = _status_fields(pid)
    return int(fields[1]) if fields else None


def session_of(pid: int) -> int | None:
    fields = _status_fields(pid)
    return int(fields[3]) if fields else None


def descendants(pid: int) -> list[int]:
    """Children, grandchildren, …, without zombies."""
    children: dict[int, list[int]] = {}
    for other in pids():
        parent = parent_of(other)
        if parent is not None and identify(other):
            children.setdefault(parent, []).append(other)
    found: list[int] = []
    queue = list(children.get(pid, ()))
    while queue:
        current = queue.pop()
        found.append(current)
        queue.extend(children.get(current, ()))
    return found


def marked(mark: str, value: str) -> list[ProcessId]:
    """Processes that carry `mark=value` in the environment they were started with, or inherited."""
    found = (identify(pid) for pid in pids() if environment_of(pid).get(mark) == value)
    return [process for process in found if process]


def send(process: ProcessId, number: signal.Signals) -> None:
    """Signal the process if it still is the same one."""
    if is_alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def end(processes: Iterable[ProcessId], grace: float) -> list[ProcessId]:
    """Ask the processes to end, make them after `grace` seconds; returns those that had to be made to."""
    remaining = [process for process in processes if is_alive(process)]
    for process in remaining:
        send(process, signal.SIGTERM)
    remaining = _still_alive(remaining, grace)
    for process in remaining:
        send(process, signal.SIGKILL)
    _still_alive(remaining, 5.0)
    return remaining


def _still_alive(processes: list[ProcessId], seconds: float) -> list[ProcessId]:
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def adopt_orphans() -> None:
    """Make this process the parent of whatever its parts leave behind, so that it can end them."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own: Iterable[int]) -> None:
    """Collect adopted children that have ended; `own` pids are waited for elsewhere.

    Parts lead sessions of their own, so an adopted process never belongs to ours: what this process runs for itself
    (and waits for) is left alone.
    """
    mine = set(own)
    me, session = os.getpid(), os.getsid(0)
    for pid in pids():
        if pid not in mine and parent_of(pid) == me and identify(pid) is None and session_of(pid) != session:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def begin_child(death_signal: signal.Signals, niceness: int = 0) -> Callable[[], None]:
    """What a child calls between fork and exec, as the leader of its session: it dies with its parent, and steps back.

    The request comes after the change of user, which would clear it.

    The parent may have died before the request was made: then nobody would send the signal, so the child ends itself.
    """
    parent = os.getpid()

    def request() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        if niceness:
            _step_back(niceness)

    return request


def step_back(pid: int, niceness: int) -> None:
    """Give the process this niceness, in all its threads."""
    with contextlib.suppress(OSError):  # it has ended, or has been given more already
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
    _step_back_as_group(pid, niceness)


def _step_back(niceness: int) -> None:
    os.nice(niceness)
    _step_back_as_group("self", niceness)


def _step_back_as_group(pid: int | str, niceness: int) -> None:
    # Where the kernel groups processes by session, niceness counts inside a session only; the group has its own.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
