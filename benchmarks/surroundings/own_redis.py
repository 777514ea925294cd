"""A Redis server on loopback for the time of a `with` block, keeping nothing."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from deployments.stack.redis_server import find_redis
from tests.stack.whole_stack import free_port


@contextmanager
def own_redis() -> Generator[str]:
    """Its address."""
    binary, port = find_redis(), free_port()
    assert binary is not None, "no redis-server is installed"
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        words = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        server = subprocess.Popen([str(binary), *words], stdout=subprocess.DEVNULL)
        try:
            _wait_until_it_answers(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(10)


def _wait_until_it_answers(port: int, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    with Redis(port=port) as client:
        while time.monotonic() < deadline:
            with suppress(RedisError):
                if client.ping():
                    return
            time.sleep(0.02)
    raise RuntimeError(f"Redis did not start within {within:.0f} s")
