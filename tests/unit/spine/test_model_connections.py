"""Kept connections to a model: used while they live, with and without TLS, and never after the server closed them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from spine.adapters.model_connections import look_quickly
from spine.testing.site_certificate import serving_context, write_certificate
from tests.conftest import until

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(answers: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[int, list[int]]]:
    """Its port, and the number of the connection that each request came over; it closes one after so many answers."""
    seen: list[int] = []
    connections = iter(range(100))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(connections)
        for _ in range(answers):
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:  # the client went
                break
            seen.append(number)
            writer.write(_ANSWER)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


@asynccontextmanager
async def client(**options: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=100), **options) as one:
        look_quickly(one)
        yield one


def kept_by(client: httpx2.AsyncClient) -> list[Any]:
    """The connections that its next request may go over."""
    pool: Any = client._transport._pool  # type: ignore[attr-defined]  # pyright: ignore
    return [connection for connection in pool.connections if not connection.has_expired()]


async def test_a_kept_connection_carries_one_request_after_the_other() -> None:
    async with server(answers=100) as (port, seen), client() as one:
        for _ in range(3):
            assert (await one.get(f"http://127.0.0.1:{port}/")).status_code == 200
    assert seen == [0, 0, 0]


async def test_one_that_the_server_closed_meanwhile_is_left() -> None:
    async with server(answers=1) as (port, seen), client() as one:
        for _ in range(3):
            assert (await one.get(f"http://127.0.0.1:{port}/")).status_code == 200
            await until(lambda: not kept_by(one), within=10)
    assert seen == [0, 1, 2]


async def test_many_at_once_each_have_their_own_and_share_them_afterwards() -> None:
    async with server(answers=100) as (port, seen), client() as one:
        for _ in range(2):
            answers = await asyncio.gather(*(one.get(f"http://127.0.0.1:{port}/") for _ in range(30)))
            assert {answer.status_code for answer in answers} == {200}
    assert len(seen) == 60 and len(set(seen)) <= 30


@pytest.mark.parametrize("answers", [100, 1], ids=["kept", "closed by the server each time"])
async def test_the_same_holds_over_tls(answers: int, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "own.pem", "localhost")
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with server(answers, serving_context(certificate)) as (port, seen), client(verify=trusting) as one:
        for _ in range(2):
            assert (await one.get(f"https://localhost:{port}/")).status_code == 200
            if answers == 1:
                await until(lambda: not kept_by(one), within=10)
    assert seen == ([0, 0] if answers == 100 else [0, 1])
