"""A Chroma server for a flow that runs without a stack: on loopback, its data in the home, gone with the process."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from spine.adapters.chroma_folder import server_of
from spine.adapters.chroma_wire import ChromaWire
from spine.errors import ExternalServiceError, MillraceError

_ROOT: Final = Path(__file__).resolve().parents[2]  # the packages are found from here, wherever the caller stands
_START_SECONDS: Final = 60.0
_DYING_SECONDS: Final = 0.3
_QUIET: Final = {"ANONYMIZED_TELEMETRY": "False", "NO_COLOR": "1"}


@asynccontextmanager
async def private_chroma(folder: Path) -> AsyncGenerator[str]:
    """The address of the server that uses `folder`: one that runs already, such as a stack's, else one of our own.

    `ExternalServiceError` when none can be started.
    """
    if (running := await _lasting_server_of(folder)) is not None:
        yield running
        return
    port = _free_port()
    server = await _start(folder, port)
    try:
        yield await _address(folder, server, f"http://127.0.0.1:{port}")
    finally:
        await _stop(server)


async def _lasting_server_of(folder: Path) -> str | None:
    """A server whose owner was killed a moment ago is about to end; it is not the one to ask."""
    if _server_of(folder) is None:
        return None
    await asyncio.sleep(_DYING_SECONDS)
    return _server_of(folder)


def _server_of(folder: Path) -> str | None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return server_of(folder)


async def _start(folder: Path, port: int) -> Process:
    argv = (sys.executable, "-m", "spine.adapters.chroma_process", str(folder), str(port))
    environment = {**os.environ, **_QUIET}
    return await asyncio.create_subprocess_exec(
        *argv, cwd=_ROOT, env=environment, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )


async def _address(folder: Path, server: Process, url: str) -> str:
    """Where to ask, once there is an answer: of two that start at once the other one may have got the folder."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        asked = url if server.returncode is None else server_of(folder)
        if asked is None:
            break
        if await _answers(asked):
            return asked
        await asyncio.sleep(0.05)
    raise ExternalServiceError(
        f"A Chroma server could not be started on {folder}: start a stack with `millrace up`, "
        "or name a server with MILLRACE_CHROMA_URL",
        service="chroma",
    )


async def _answers(url: str) -> bool:
    wire = ChromaWire(url, timeout=2.0)
    try:
        await wire.heartbeat()
    except MillraceError:
        return False
    finally:
        await wire.close()
    return True


async def _stop(server: Process) -> None:
    assert server.stdin is not None
    server.stdin.close()
    try:
        await asyncio.wait_for(server.wait(), 10)
    except TimeoutError:
        with suppress(ProcessLookupError):
            server.kill()
        await server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
