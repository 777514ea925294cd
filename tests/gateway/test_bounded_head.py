"""A request that never gets to its body is cut off; others pass, large bodies and many requests of a connection too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from gateway.bounded_head import LARGEST_HEAD, BoundedHeadProtocol

BODY = b"x" * (8 * LARGEST_HEAD)


async def counts(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    answer = str(size).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def port(free_port: int) -> AsyncIterator[int]:
    config = uvicorn.Config(counts, port=free_port, http=BoundedHeadProtocol, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield free_port
    server.should_exit = True
    await task


async def test_headers_without_end_are_cut_off(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 200 * LARGEST_HEAD:
            writer.write(b"a" * 16_384)
            await writer.drain()
            sent += 16_384
            await asyncio.sleep(0)
    assert sent < 200 * LARGEST_HEAD
    writer.close()


async def test_large_bodies_and_many_requests_of_a_connection_pass(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(len(BODY)).encode() + b"\r\n\r\n" + BODY)
        await writer.drain()
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(str(len(BODY)))) == str(len(BODY)).encode()
    for _ in range(300):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"a" * 2000 + b"\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(1) == b"0"
    writer.close()
