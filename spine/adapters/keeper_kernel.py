"""What a keeper asks of the kernel: to become the agent in a forked process, to find, measure and end what came of it.

Nothing but the standard library, and no pathlib: a keeper starts in milliseconds and stays small.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_EXEC_FAILED = 127
_CPU_GRACE = 5  # seconds of CPU between SIGXCPU and SIGKILL
_PAGE = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None, use_errno=True)

Order = dict[str, Any]
"""`program, argv, env, workdir, soft_seconds, hard_seconds, grace_seconds, linger_seconds, cpu_seconds, memory_bytes,
file_bytes, open_files`"""


def adopt_orphans() -> None:
    """From now on whoever loses its parent below this process becomes its child."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_agent(order: Order, keeper: int, gate: socket.socket, failure: socket.socket) -> None:
    """In the forked child: wait for the word, then be the agent. Never returns."""
    try:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(0)
        signal.set_wakeup_fd(-1)
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)  # Python ignores two of them, and exec would pass that on
        if not gate.recv(1):
            os._exit(0)
        os.chdir(order["workdir"])
        _offer_to_the_oom_killer()
        _set_limits(order)
        os.execve(order["program"], order["argv"], order["env"])  # noqa: S606 - the point is that no shell is in it
    except OSError as error:
        failure.sendall(json.dumps({"failed": error.errno, "message": error.strerror}).encode())
    except BaseException as error:
        failure.sendall(json.dumps({"failed": 0, "message": type(error).__name__}).encode())
    finally:
        os._exit(_EXEC_FAILED)


def _set_limits(order: Order) -> None:
    """Limits of each process. The memory of all together is watched; this only stops a single sudden grab."""
    _limit(resource.RLIMIT_CORE, 0)  # a core file would hold the keys
    if order["cpu_seconds"]:
        _limit(resource.RLIMIT_CPU, order["cpu_seconds"], order["cpu_seconds"] + _CPU_GRACE)
    if order["memory_bytes"]:
        _limit(resource.RLIMIT_DATA, 2 * order["memory_bytes"])
    if order["file_bytes"]:
        _limit(resource.RLIMIT_FSIZE, order["file_bytes"])
    if order["open_files"]:
        _limit(resource.RLIMIT_NOFILE, order["open_files"])


def _offer_to_the_oom_killer() -> None:
    """When the machine's memory ends, an agent shall go before the lane and the stores."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("500")


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    highest = resource.getrlimit(kind)[1]
    wanted = soft if hard is None else hard
    allowed = wanted if highest == resource.RLIM_INFINITY else min(wanted, highest)
    resource.setrlimit(kind, (min(soft, allowed), allowed))


def let_go_of_the_pipes() -> None:
    """Only the agent holds its pipes from now on, so their end is the agent's end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _stat(pid: int) -> list[str]:
    """State, parent, group, … of a process; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - no pathlib: 4 MB
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def descendants() -> list[int]:
    """Every process below this one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and (fields := _stat(int(name))):
            children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    waiting = children.get(os.getpid(), [])
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, ()))
    return found


def resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """Like `resident_bytes`, with pages that several processes share counted once over all of them."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except (OSError, ValueError):
        return 0


def ask_all_to_end(group: int | None) -> None:
    if group is not None:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGTERM)
    for pid in descendants():
        if (fields := _stat(pid)) and int(fields[2]) != group:
            _signal(pid, signal.SIGTERM)


def kill_all() -> None:
    """Stop everybody first: who is stopped starts nobody new while the others are being killed."""
    stopped: set[int] = set()
    while new := set(descendants()) - stopped:
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
