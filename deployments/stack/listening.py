"""Whether a process is the one that listens on a port: an answer alone may come from somebody else.

Linux only: everything is read from /proc.
"""

from __future__ import annotations

from pathlib import Path

_LISTENING = "0A"  # TCP_LISTEN in include/net/tcp_states.h


def listens(pid: int, port: int) -> bool:
    """Whether the process has a socket that takes TCP connections on the port, IPv4 or IPv6; also True where that
    cannot be read, because the process belongs to another user."""
    try:
        links = [_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except PermissionError:
        return True
    except OSError:  # it has ended
        return False
    return not _sockets_on(pid, port).isdisjoint(links)


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # closed meanwhile
        return ""


def _sockets_on(pid: int, port: int) -> set[str]:
    """The listening sockets of the process's network on that port, as links of a file descriptor name them."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:  # no IPv6 here, or the process has ended
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
