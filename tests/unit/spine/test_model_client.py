"""A model's answer is not lost because a kept connection was closed; nothing else is sent a second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest

from spine.adapters.model_client import lenient_client

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_HALF = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{"ch'

Script = list[list[bytes | None]]
"""By connection, then by request on it: what is answered; None closes the connection instead."""


@asynccontextmanager
async def server(script: Script) -> AsyncGenerator[tuple[str, list[int]]]:
    """Its address, and the number of the connection that each request came over."""
    seen: list[int] = []
    connections = iter(enumerate(script))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, answers = next(connections)
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            assert await reader.readexactly(int(length.partition(b":")[2])) == b'{"a":1}'
            seen.append(number)
            if answer is None:
                break
            writer.write(answer)
            if answer is _HALF:
                break
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/models", seen


async def ask(client: httpx2.AsyncClient, url: str) -> int:
    return (await client.post(url, json={"a": 1})).status_code


@pytest.mark.parametrize(
    ("script", "came_over"),
    [
        ([[_ANSWER, _ANSWER]], [0, 0]),
        ([[_ANSWER, None], [_ANSWER]], [0, 0, 1]),
    ],
    ids=["stays open", "is closed as the second request comes"],
)
async def test_a_request_is_answered_when_its_kept_connection(script: Script, came_over: list[int]) -> None:
    async with server(script) as (url, seen), lenient_client() as client:
        assert [await ask(client, url), await ask(client, url)] == [200, 200]
    assert seen == came_over


async def test_several_closed_connections_in_a_row_lose_no_answer() -> None:
    async with server([[_ANSWER, None], [_ANSWER, None], [_ANSWER]]) as (url, seen), lenient_client() as client:
        assert await asyncio.gather(ask(client, url), ask(client, url)) == [200, 200]
        assert await ask(client, url) == 200
    assert sorted(seen) == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("script", "came_over"),
    [
        ([[None], [_ANSWER]], [0]),
        ([[_HALF], [_ANSWER]], [0]),
        ([[_ANSWER, _HALF], [_ANSWER]], [0, 0]),
    ],
    ids=[
        "a new connection is closed without an answer",
        "an answer is cut off on a new connection",
        "an answer is cut off on a kept connection",
    ],
)
async def test_a_request_that_may_have_been_worked_on_is_not_sent_again(script: Script, came_over: list[int]) -> None:
    async with server(script) as (url, seen), lenient_client() as client:
        for _ in came_over[1:]:
            assert await ask(client, url) == 200
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            await ask(client, url)
    assert seen == came_over
