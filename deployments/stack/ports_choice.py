"""Which loopback ports the parts listen on: free ones, and the same ones again after a restart."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from spine.errors import ConflictError

LOOPBACK = "127.0.0.1"
PORT_IN_USE = "Port {port} is in use by another program: choose another with `millrace up --port N` or MILLRACE_PORT."
_LOWEST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now; a connection left in TIME_WAIT does not count against it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _candidates() -> range:
    # Outgoing connections take their own port from the ephemeral range: a client that retries a stopped server there
    # can end up connected to itself and hold the server's port. So servers stay below the range where there is room.
    ephemeral = _first_ephemeral()
    return range(_LOWEST, ephemeral) if ephemeral >= _LOWEST + 1000 else range(_LOWEST, 65_000)


def choose_ports(
    names: Iterable[str],
    remembered: Mapping[str, int],
    *,
    free: Callable[[int], bool] = is_free,
    taken: Iterable[int] = (),
) -> dict[str, int]:
    """A free port for each name, the remembered one where it still is free. `taken` ports are never given."""
    chosen: dict[str, int] = {}
    used = set(taken)
    for name in names:
        port = remembered.get(name)
        if port is None or port in used or not free(port):
            port = _pick(used, free)
        used.add(port)
        chosen[name] = port
    return chosen


def _pick(used: set[int], free: Callable[[int], bool]) -> int:
    candidates = _candidates()
    for _ in range(1000):
        port = random.choice(candidates)  # noqa: S311 - spreads stacks apart, hides nothing
        if port not in used and free(port):
            return port
    raise ConflictError("No free port was found on 127.0.0.1: close some programs and try again.")
