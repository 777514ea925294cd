"""A Celery worker with the settings that its users here have: prefork 4, prefetch 1, late acknowledgement."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from benchmarks.frame.machine import ROOT

REDIS_VARIABLE = "CELERY_PEER_REDIS"
CONCURRENCY = 4

NOT_INSTALLED = "Celery is not installed: `make bench` installs it"


def is_installed() -> bool:
    return find_spec("celery") is not None


def celery_application(name: str) -> Any:
    """An application on the Redis that `CELERY_PEER_REDIS` names. Its results live there for an hour."""
    from celery import Celery

    address = os.environ[REDIS_VARIABLE]
    app = Celery(name, broker=address, backend=address)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_track_started=True,
        task_serializer="json",
        result_expires=3600,
        broker_connection_retry_on_startup=True,
    )
    return app


@contextmanager
def celery_worker(module: str, redis_url: str, *, concurrency: int = CONCURRENCY) -> Generator[int]:
    """A worker for `app` of the module, ready; gives its process id. This process can send tasks to it meanwhile."""
    os.environ[REDIS_VARIABLE] = redis_url
    command = [sys.executable, "-m", "celery", "-A", module, "worker", "-P", "prefork", "-c", str(concurrency)]
    with tempfile.TemporaryFile() as output:
        worker = subprocess.Popen([*command, "-l", "WARNING"], cwd=ROOT, stdout=output, stderr=output)
        try:
            _wait_until_ready(module, worker)
            yield worker.pid
        finally:
            worker.terminate()
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _wait_until_ready(module: str, worker: subprocess.Popen[bytes], within: float = 60.0) -> None:
    import importlib

    app = importlib.import_module(module).app
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and worker.poll() is None:
        if app.control.ping(timeout=0.5):
            return
    raise RuntimeError(f"the Celery worker of {module} did not become ready within {within:.0f} s")
