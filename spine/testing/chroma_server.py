"""A real Chroma server on loopback for the time of a `with` block.

with chroma_server(folder) as url:
    store = ChromaVectors(url)
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

_RUN: Final = "import sys, chromadb_rust_bindings; chromadb_rust_bindings.cli(['chroma', *sys.argv[1:]])"


@contextmanager
def chroma_server(folder: Path, *, within: float = 30.0) -> Generator[str]:
    """Its address. Data and output go to `folder`; a server started on the same folder later finds them again.

    `RuntimeError` with the server's last words when it does not answer `within` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    argv = [sys.executable, "-c", _RUN, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)]
    with (folder / "output.log").open("ab") as output:
        server = subprocess.Popen(argv, cwd=folder, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        if not _answers(url, server, within):
            raise RuntimeError(f"Chroma did not start: {(folder / 'output.log').read_text()[-300:]}")
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str, server: subprocess.Popen[bytes], within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/api/v2/heartbeat", timeout=1.0).is_success:
                return True
        except httpx.TransportError:
            time.sleep(0.05)
    return False
