"""PostgreSQL for Prefect: somebody else's (`MILLRACE_DATABASE_URL`), or a server of our own from the system's binaries.

PostgreSQL refuses to run as root, and the user it runs as instead may not walk into a private home (mode 0700, under
/root say). So the server never walks there: it inherits the open data folder and calls it `/proc/self/fd/N`. All state
stays inside the home, and no folder above it has to be opened to anybody.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from deployments.stack.accounts import unprivileged
from deployments.stack.health import postgres_answers
from deployments.stack.home import PRIVATE_DIRECTORY, PRIVATE_FILE, Home
from deployments.stack.parts import HELD_FOLDER, Account, Kind, Part, StopRank
from deployments.stack.ports_choice import LOOPBACK
from spine.errors import NotConfiguredError

DATABASE = "prefect"
_USER = "millrace"
_SYSTEM = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_parallel_workers_per_gather": "0",  # containers give little shared memory, and no query here needs it
    "autovacuum_max_workers": "1",
}


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One installed major version."""

    folder: Path
    major: str

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_postgres() -> list[PostgresBinaries]:
    """Installed servers, newest first: /usr/lib/postgresql/*/bin and whatever is on PATH."""
    folders = [path.parent for path in _SYSTEM.glob("*/bin/postgres")]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    complete = {folder.resolve() for folder in folders if (folder / "initdb").exists()}
    found = [PostgresBinaries(folder, major) for folder in complete if (major := _major(folder))]
    return sorted(found, key=lambda binaries: int(binaries.major), reverse=True)


def _major(folder: Path) -> str | None:
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
        return str(int(said.stdout.split()[2].partition(".")[0]))
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None


def has_data(home: Home) -> bool:
    """Whether a server of ours has worked in this home."""
    return (home.root / "postgres" / "data" / "PG_VERSION").exists()


def binaries_for(folder: Path, installed: Sequence[PostgresBinaries]) -> PostgresBinaries:
    """The version that made the data in `folder`, the newest for a new one; `NotConfiguredError` when it is gone."""
    version = folder / "data" / "PG_VERSION"
    major = version.read_text().strip() if version.exists() else installed[0].major
    for binaries in installed:
        if binaries.major == major:
            return binaries
    raise NotConfiguredError(
        f"{folder} was made by PostgreSQL {major}, which is no longer installed: install postgresql-{major}, "
        "or remove that folder (Prefect's run history goes with it; jobs and articles do not).",
        what="postgres",
    )


def postgres_url(password: str, port: int) -> str:
    return f"postgresql+asyncpg://{_USER}:{password}@{LOOPBACK}:{port}/{DATABASE}"


def asyncpg_url(url: str) -> str:
    """The address as Prefect needs it, whichever way it was written; `NotConfiguredError` for other databases."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise NotConfiguredError("MILLRACE_DATABASE_URL must start with postgresql://.", what="MILLRACE_DATABASE_URL")
    return urlunsplit(parts._replace(scheme="postgresql+asyncpg"))


def _port_of(parts: SplitResult) -> int:
    try:
        return parts.port or 5432
    except ValueError as error:
        raise NotConfiguredError(
            "MILLRACE_DATABASE_URL has a port that is no number.", what="MILLRACE_DATABASE_URL"
        ) from error


def postgres_part(home: Home, password: str, port: int, installed: Sequence[PostgresBinaries]) -> Part:
    """A server of our own: TCP on loopback with a scram password, no unix socket, small buffers."""
    folder = home.root / "postgres"
    binaries = binaries_for(folder, installed)
    account = unprivileged("postgres", "nobody")
    settings = {**_SETTINGS, "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Part(
        name="postgres",
        argv=(binaries.program("postgres"), "-D", f"{HELD_FOLDER}/data", *options),
        env={"LC_ALL": "C.UTF-8"},
        bare=True,
        probe=postgres_answers(LOOPBACK, port, _USER, DATABASE),
        port=port,
        note=f"PostgreSQL {binaries.major}" + (f" as {account.name}" if account else ""),
        prepare=lambda: _prepare(folder, binaries, account, password),
        account=account,
        held_folder=folder,
        start_seconds=120.0,
        stop_rank=StopRank.STORES,
        stop_signal=signal.SIGINT,  # its fast shutdown: does not wait for clients
        stop_seconds=20.0,
        death_signal=signal.SIGINT,
    )


def external_postgres(url: str) -> Part:
    """A server that somebody else runs: watched, neither started nor stopped."""
    parts = urlsplit(url)
    return Part(
        name="postgres",
        argv=(),
        kind=Kind.EXTERNAL,
        probe=postgres_answers(
            parts.hostname or LOOPBACK,
            _port_of(parts),
            parts.username or DATABASE,
            parts.path.lstrip("/") or DATABASE,
        ),
        note="MILLRACE_DATABASE_URL",
        start_seconds=10.0,
        stop_rank=StopRank.STORES,
    )


def _prepare(folder: Path, binaries: PostgresBinaries, account: Account | None, password: str) -> None:
    """Make the data folder once. Its marker is written last, so a half-made one is made anew."""
    folder.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    marker = folder / "made"
    if marker.exists():
        return
    if (folder / "data").exists():
        shutil.rmtree(folder / "data")
    _give(folder, account)
    _write_password(folder / "password", password, account)
    try:
        _initialise(folder, binaries, account)
    finally:
        (folder / "password").unlink()
    marker.touch(mode=PRIVATE_FILE)


def _write_password(path: Path, password: str, account: Account | None) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
        file.write(password + "\n")
    _give(path, account)


def _give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def _initialise(folder: Path, binaries: PostgresBinaries, account: Account | None) -> None:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    path = f"/proc/self/fd/{held}"
    try:
        _run(
            [
                binaries.program("initdb"), "-D", f"{path}/data", "-U", _USER, "-A", "scram-sha-256",
                f"--pwfile={path}/password", "--encoding=UTF8", "--locale=C.UTF-8",
            ],
            held, account,
        )  # fmt: skip
        _run(
            [binaries.program("postgres"), "--single", "-D", f"{path}/data", "postgres"],
            held, account, f"CREATE DATABASE {DATABASE};\n",
        )  # fmt: skip
    finally:
        os.close(held)


def _run(argv: list[str], held: int, account: Account | None, text: str = "") -> None:
    user: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    done = subprocess.run(
        argv, input=text, capture_output=True, text=True, pass_fds=(held,), cwd="/", timeout=120, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"}, **user,
    )  # fmt: skip
    if done.returncode:
        place = Path(f"/proc/self/fd/{held}").readlink()
        raise NotConfiguredError(
            f"{Path(argv[0]).name} failed in {place}: {(done.stderr or done.stdout).strip()[-500:]}",
            what="postgres",
        )
