"""The gateway's own process, with Redis and documents behind it and nothing else of a stack."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.frame.machine import ROOT
from tests.stack.whole_stack import free_port

TOKEN = "token-of-the-benchmark"


@dataclass(frozen=True, slots=True)
class Served:
    """A web application in a process of its own."""

    authority: str
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.authority}"


@contextmanager
def gateway_alone(home: Path, redis_url: str) -> Generator[Served]:
    """Documents are those of the home."""
    port = free_port()
    own = {"MILLRACE_HOME": str(home), "MILLRACE_REDIS_URL": redis_url, "MILLRACE_TOKEN": TOKEN}
    with served([sys.executable, "-m", "deployments.cli", "gateway"], port, MILLRACE_PORT=str(port), **own) as one:
        yield one


@contextmanager
def served(command: Sequence[str], port: int, **environment: str) -> Generator[Served]:
    """The command's server, once it answers anything on the port."""
    server = subprocess.Popen([*command], cwd=ROOT, env={**os.environ, **environment})
    try:
        _wait_until_it_answers(port, server)
        yield Served(f"127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes], within: float = 90.0) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False)
            return
        time.sleep(0.05)
    raise RuntimeError(f"{server.args} did not answer within {within:.0f} s")
