"""Prefect: the server, and the process worker that runs what is started from its interface, schedules and API."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from deployments.stack.environment import Addresses, project_root
from deployments.stack.health import http_answers, worker_is_online
from deployments.stack.parts import Part, StopRank
from deployments.stack.ports_choice import LOOPBACK
from deployments.stack.secret_store import Secrets
from spine.errors import ConflictError

WORK_POOL = "millrace"
WORKER = "millrace-worker"
SQLITE_FILE = "server.db"
"""Not Prefect's own default name: a client without a server would create that one beside it."""

_IN_BATCHES = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
}
"""One transaction for the task runs of a second instead of one for each of their changes: half the server's work, and
what it shows of them is older by that. Whole seconds only: of a fraction the server makes 0 and never rests."""

_SELDOM = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "15",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "30",
}
"""Looking for what is rare here or only labels something: runs that are late, pauses that are over, workers that fell
silent (the supervisor finds ours by itself). What starts runs keeps its pace."""

_STEPS_BACK = 15
"""What it records of task runs may be late; the lanes whose tasks they are may not. While a stack starts, all wait for
it."""


def prefect_part(
    addresses: Addresses, secrets: Secrets, database_url: str | None, folder: Path, needs: tuple[str, ...]
) -> Part:
    """The server on loopback, closed by an auth string; without a `database_url` it keeps SQLite in its folder.

    Messaging and its own docket stay in its memory: with Redis instead, start and idle cost measured the same, and
    this way a Redis that restarts or is flushed does not touch it.
    """
    return Part(
        name="prefect",
        argv=(
            sys.executable, "-m", "deployments.stack.prefect_process", "server", "start",
            "--host", LOOPBACK, "--port", str(addresses.prefect_port),
        ),
        env={
            "PREFECT_API_DATABASE_CONNECTION_URL": database_url or f"sqlite+aiosqlite:///{folder / SQLITE_FILE}",
            "PREFECT_SERVER_API_AUTH_STRING": secrets.prefect_auth,
            "PREFECT_SERVER_ENCRYPTION_KEY": secrets.fernet_key,
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            **_IN_BATCHES,
            **_SELDOM,
        },
        needs=needs,
        folder=project_root(),
        probe=http_answers(f"{addresses.prefect_api_url}/health"),
        port=addresses.prefect_port,
        note="PostgreSQL" if database_url else "SQLite: PostgreSQL was not found, runs in parallel will be slow",
        prepare=lambda: folder.mkdir(mode=0o700, exist_ok=True),
        start_seconds=180.0,
        stop_rank=StopRank.ORCHESTRATION,
        memory_limit=1500 * 2**20,
        niceness_once_up=_STEPS_BACK,
        probe_patience=12,
        early_needs=(),
    )  # fmt: skip


def scratch_folder(home: Path) -> Path:
    """Where the worker keeps what lives as long as a run.

    A worker uses the fixed name /tmp/runner_storage, which belongs to whichever user of the machine came first. It is
    not inside the home either, because a browser that runs as another user must be able to reach its profile.
    """
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"millrace-{os.geteuid()}-{digest}"


def make_scratch(folder: Path) -> None:
    """Create it, passable but not readable for others; `ConflictError` when somebody else has taken the name."""
    folder.mkdir(exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise ConflictError(f"{folder} belongs to somebody else: remove it, or set TMPDIR to another folder.")
    folder.chmod(0o711)


def drop_scratch(folder: Path) -> None:
    """Remove it with what runs that were cut off left in it; nothing that belongs to somebody else."""
    with suppress(OSError):
        if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)


def worker_part(addresses: Addresses, secrets: Secrets, home: Path, folder: Path, needs: tuple[str, ...]) -> Part:
    """Looks for work every two seconds, and takes what is scheduled before it is due.

    Flow runs that it started outlive its restart: they report for themselves.
    """
    scratch = scratch_folder(home)
    return Part(
        name="worker",
        argv=(
            sys.executable, "-m", "prefect", "worker", "start",
            "--pool", WORK_POOL, "--type", "process", "--name", WORKER,
        ),
        env={
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_WORKER_PREFETCH_SECONDS": "4",
            "TMPDIR": str(scratch),
        },
        needs=needs,
        probe=worker_is_online(addresses.prefect_api_url, secrets.prefect_auth, WORK_POOL, WORKER),
        folder=folder,
        note=f"work pool {WORK_POOL}",
        prepare=lambda: make_scratch(scratch),
        start_seconds=90.0,
        stop_rank=StopRank.FACES,
        memory_limit=800 * 2**20,
        orphans_end=False,
        probe_patience=12,
    )  # fmt: skip
