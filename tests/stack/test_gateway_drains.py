"""A gateway that is asked to end answers what it was asked, and sends its watchers to another one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from deployments.stack.home import Home
from deployments.stack.redis_server import find_redis, redis_part, redis_url
from deployments.stack.serving import serving
from tests.conftest import until
from tests.stack.whole_stack import free_port

pytestmark = [pytest.mark.stack, pytest.mark.skipif(find_redis() is None, reason="no redis-server")]

TOKEN = "token-of-the-test-gateway"
PASSWORD = "a-Password_of-the-test"
BODY = json.dumps({"session_id": "s", "user_message": "Are you there?", "platform": "api", "chat_id": "s"}).encode()


@dataclass
class Process:
    """A gateway of its own."""

    process: subprocess.Popen[bytes]
    port: int

    async def accepts(self) -> bool:
        assert self.process.poll() is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Process]:
    home, port, redis_port = Home(tmp_path / "home"), free_port(), free_port()
    home.prepare()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PREFECT_"))}
    environment = {
        **kept,
        "MILLRACE_HOME": str(home.root),
        "MILLRACE_PORT": str(port),
        "MILLRACE_TOKEN": TOKEN,
        "MILLRACE_REDIS_URL": redis_url(PASSWORD, redis_port),
    }
    async with serving([redis_part(home, PASSWORD, redis_port)], home):
        process = subprocess.Popen([sys.executable, "-m", "deployments.cli", "gateway"], env=environment)
        made = Process(process, port)
        try:
            await until(made.accepts, within=60)
            yield made
        finally:
            process.kill()
            process.wait()


async def test_a_request_in_flight_is_answered_and_watchers_are_told_to_come_again(gateway: Process) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with connect(f"ws://127.0.0.1:{gateway.port}/ws/tasks", additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["type"] == "connected"
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        head = f"POST /api/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + BODY[:10])
        await writer.drain()
        await asyncio.sleep(0.3)  # the gateway has begun to read it

        gateway.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
        writer.write(BODY[10:])
        answer = await asyncio.wait_for(reader.read(), 10)

    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
    assert answer.startswith(b"HTTP/1.1 202"), answer
    assert await asyncio.to_thread(gateway.process.wait, 20) == 0
