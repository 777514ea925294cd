"""A small web site on a free loopback port that answers as a test tells it, well or badly."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class SiteRequest:
    """What a client sent. Header names in lower case; `path` without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """What the site sends back.

    With `chunks` the body comes piece by piece, `pause` seconds before each, without a length; `wait` is the time in
    seconds before the first byte. A text body is sent as UTF-8.
    """

    body: bytes | str = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    chunks: Sequence[bytes] | AsyncIterator[bytes] | None = None
    pause: float = 0.0
    wait: float = 0.0


Responder = Callable[[SiteRequest], SiteAnswer]


class LoopbackSite:
    """`async with LoopbackSite() as site:` serves until the end of the block. Unknown paths answer 404.

    `requests` keeps every request in order of arrival, `counts` their number by path, `most_at_once` the highest
    number that was being answered at the same time.
    """

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._tls = tls
        self._responders: dict[str, Responder] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._answering = 0
        self.requests: list[SiteRequest] = []
        self.counts: Counter[str] = Counter()
        self.most_at_once = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def authority(self) -> str:
        """`host:port`, as the URL guard's exceptions are written."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    @property
    def allow(self) -> frozenset[str]:
        """The exception that lets exactly this site through the URL guard."""
        return frozenset({self.authority})

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        authority = self.authority if host is None else f"{host}:{self.port}"
        return f"{'https' if self._tls else 'http'}://{authority}{path}"

    def page(self, path: str, answer: SiteAnswer | bytes | str) -> str:
        """Serve `answer` (or a 200 page with that body) at `path`; returns its URL."""
        fixed = answer if isinstance(answer, SiteAnswer) else SiteAnswer(answer)
        return self.respond(path, lambda _: fixed)

    def redirect(self, path: str, location: str, status: int = 302) -> str:
        """Answer `path` with a redirect to `location`, sent as it is; returns its URL."""
        return self.page(path, SiteAnswer(status=status, headers={"Location": location}))

    def respond(self, path: str, responder: Responder) -> str:
        """Let a function of the request answer `path`; returns its URL."""
        self._responders[path] = responder
        return self.url(path)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError):
                await self._answer(await _read_request(reader), writer)
        finally:
            writer.close()

    async def _answer(self, request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self.counts[request.path] += 1
        self._answering += 1
        self.most_at_once = max(self.most_at_once, self._answering)
        try:
            responder = self._responders.get(request.path)
            await _send(writer, responder(request) if responder else SiteAnswer("not here", status=404))
        finally:
            self._answering -= 1


async def _read_request(reader: asyncio.StreamReader) -> SiteRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return SiteRequest(method, parts.path or "/", parts.query, headers, body)


async def _send(writer: asyncio.StreamWriter, answer: SiteAnswer) -> None:
    await asyncio.sleep(answer.wait)
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    headers = {"Content-Type": answer.content_type, "Connection": "close", **answer.headers}
    if answer.chunks is None:
        headers.setdefault("Content-Length", str(len(body)))
    lines = [
        f"HTTP/1.1 {answer.status} {_phrase(answer.status)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body)
    await writer.drain()
    async for chunk in _pieces(answer.chunks or ()):
        await asyncio.sleep(answer.pause)
        writer.write(chunk)
        await writer.drain()


async def _pieces(chunks: Sequence[bytes] | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(chunks, Sequence):
        for chunk in chunks:
            yield chunk
    else:
        async for chunk in chunks:
            yield chunk


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return "Unknown"
