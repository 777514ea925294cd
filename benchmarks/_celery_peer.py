"""The same work in Celery, set up as the application that Millrace replaces: prefork 4, prefetch 1, late acks.

Its broker keeps no results, as for messages nobody asks for one; `peers.celery_worker` runs the peers that do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

_APP = """
import json, os, time, urllib.request
from celery import Celery
from redis import Redis

redis = Redis.from_url(os.environ["PEER_REDIS"])

app = Celery("peer", broker=os.environ["PEER_REDIS"], backend=None)
app.conf.update(
    task_acks_late=True, worker_prefetch_multiplier=1, task_ignore_result=True, broker_connection_retry_on_startup=True
)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@app.task
def process_and_respond(chat_id, text):
    asked = {"model": "m", "messages": [{"role": "user", "content": text}]}
    reply = post(os.environ["PEER_MODEL"] + "/chat/completions", asked)["choices"][0]["message"]["content"]
    post(os.environ["PEER_TELEGRAM"], {"chat_id": chat_id, "text": reply})


@app.task
def noop(counter):
    redis.incr(counter)


@app.task
def begun(key):
    redis.set(key, time.time())
"""

_SEND = """
import json, sys
from peer import app
for line in sys.stdin:
    name, arguments = json.loads(line)
    app.send_task(f"peer.{name}", arguments)
print("sent")
"""


def has_celery() -> bool:
    return find_spec("celery") is not None


class CeleryPeer:
    """A worker with four processes, and a way to give it tasks."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(folder)}

    def send(self, lines: list[str]) -> None:
        """Enqueue tasks, one `["name", [arguments]]` each, from one process as a web application would."""
        with self.sender() as send:
            for line in lines:
                send(line)

    @contextmanager
    def sender(self) -> Generator[Callable[[str], None]]:
        """A process that stays and enqueues each task as it is told of it; the block ends when all are sent."""
        process = subprocess.Popen(
            [sys.executable, "-c", _SEND],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=self._environment,
            cwd=self._folder,
            text=True,
        )
        lines = process.stdin
        assert lines is not None

        def send(line: str) -> None:
            lines.write(line + "\n")
            lines.flush()

        try:
            yield send
        finally:
            lines.close()
            code = process.wait(30)
        if code:
            raise subprocess.CalledProcessError(code, "the process that sends tasks")

    def worker(self) -> subprocess.Popen[bytes]:
        arguments = ["-A", "peer", "worker", "--pool", "prefork", "--concurrency", "4", "-Ofair", "--loglevel", "ERROR"]
        return subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def celery_peer(folder: Path, redis_url: str, model_url: str, telegram_url: str) -> Generator[CeleryPeer]:
    """A running worker; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peer.py").write_text(_APP)
    peer = CeleryPeer(folder, {"PEER_REDIS": redis_url, "PEER_MODEL": model_url, "PEER_TELEGRAM": telegram_url})
    worker = peer.worker()
    try:
        yield peer
    finally:
        worker.terminate()
        worker.wait(30)
