"""The forward proxy on loopback through which all of the browser's traffic goes, so that each connection is vetted."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import h11
import httpx

from spine.adapters.guarded_transport import GuardedTransport
from spine.errors import BlockedUrlError, MillraceError
from spine.url_guard import UrlGuard, read_address, read_authority

_HEAD_LIMIT_BYTES = 64 * 1024
_HEAD_LIMIT_SECONDS = 10.0
_PIECE = 64 * 1024
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer upgrade".split()
)

RawHeaders = Iterable[tuple[bytes, bytes]]


@dataclass(eq=False)
class ProxySession:
    """Leave to use the proxy for one page visit: its credential, its traffic budget and what it was refused.

    Lives from `GuardProxy.open_session` to `GuardProxy.end_session`, which cuts every connection made with it.
    """

    max_bytes: int
    username: str = field(default_factory=lambda: secrets.token_hex(8))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    received_bytes: int = 0
    refused: set[str] = field(default_factory=set[str])
    """Targets that the guard refused: a URL for plain HTTP, `host:port` for a tunnel."""
    connections: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"], repr=False)

    @property
    def credential(self) -> bytes:
        return b"Basic " + base64.b64encode(f"{self.username}:{self.password}".encode())

    @property
    def exhausted(self) -> bool:
        """Whether the budget is used up; every download with it then breaks off."""
        return self.received_bytes > self.max_bytes

    def has_refused(self, url: str) -> bool:
        """Whether the guard refused the connection that loading `url` needs."""
        try:
            address = read_address(url)
        except BlockedUrlError:
            return True
        target = address.authority if address.scheme == "https" else url.partition("#")[0]
        return target in self.refused

    def count(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.exhausted:
            raise _BudgetSpentError


class _BudgetSpentError(Exception):
    """The visit has downloaded more than it may."""


class GuardProxy:
    """Speaks HTTP forwarding and CONNECT on a free loopback port, to holders of a session's credential only.

    Belongs to the event loop it was started on; `close` cuts all connections.
    """

    def __init__(self, guard: UrlGuard) -> None:
        self._guard = guard
        self._upstream = GuardedTransport(guard)
        self._sessions: set[ProxySession] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`, once started."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def open_session(self, max_bytes: int) -> ProxySession:
        session = ProxySession(max_bytes)
        self._sessions.add(session)
        return session

    def end_session(self, session: ProxySession) -> None:
        self._sessions.discard(session)
        for connection in session.connections:
            connection.cancel()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        await self._upstream.aclose()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(_Client(reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, client: _Client) -> None:
        """One request per connection: a browser then never sends a host's request down another host's connection."""
        try:
            async with asyncio.timeout(_HEAD_LIMIT_SECONDS):
                request = await client.read_request()
            session = self._session_of(request)
            if session is None:
                await client.refuse(407, "a credential is needed", [(b"Proxy-Authenticate", b'Basic realm="proxy"')])
                return
            await self._serve_session(client, request, session)
        except (OSError, EOFError, TimeoutError, h11.ProtocolError, _BudgetSpentError):
            pass  # The peer is gone or not to be talked to; closing is all the answer there is.
        finally:
            client.close()

    def _session_of(self, request: h11.Request) -> ProxySession | None:
        given = _header(request.headers, b"proxy-authorization")
        return next((one for one in self._sessions if hmac.compare_digest(one.credential, given)), None)

    async def _serve_session(self, client: _Client, request: h11.Request, session: ProxySession) -> None:
        """A tunnel that cannot be is refused with its reason, for a plain request the connection just ends:
        an answer of ours would look to the page like the site's own."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        session.connections.add(task)
        serve = self._tunnel if request.method == b"CONNECT" else self._forward
        try:
            await serve(client, request, session)
        except BlockedUrlError as error:
            session.refused.add(request.target.decode("ascii"))
            await client.refuse_tunnel(request, 403, error.message)
        except (MillraceError, httpx.TransportError, httpx.InvalidURL, OSError) as error:
            await client.refuse_tunnel(request, 502, str(error))
        finally:
            session.connections.discard(task)

    async def _tunnel(self, client: _Client, request: h11.Request, session: ProxySession) -> None:
        host, port = read_authority(request.target.decode("ascii"))
        reader, writer = await self._connect(host, port)
        try:
            await client.splice(reader, writer, session)
        finally:
            writer.close()

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failure: OSError = ConnectionError(f"{host} has no address")
        for ip in await self._guard.vet(host, port):
            try:
                async with asyncio.timeout(10):
                    return await asyncio.open_connection(ip, port)
            except OSError as error:  # TimeoutError is one too
                failure = error
        raise failure

    async def _forward(self, client: _Client, request: h11.Request, session: ProxySession) -> None:
        sent = httpx.Request(
            request.method.decode("ascii"),
            request.target.decode("ascii"),
            headers=_end_to_end(request.headers),
            content=client.body() if _has_body(request) else None,
            extensions={"timeout": httpx.Timeout(None, connect=10.0).as_dict()},
        )
        response = await self._upstream.handle_async_request(sent)
        try:
            await client.send(h11.Response(status_code=response.status_code, headers=_answer_headers(response)))
            async for chunk in response.aiter_raw():
                session.count(chunk)
                await client.send(h11.Data(data=chunk))
            await client.send(h11.EndOfMessage())
        finally:
            await response.aclose()


class _Client:
    """The browser's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT_BYTES)

    async def read_request(self) -> h11.Request:
        event = await self._next_event()
        if not isinstance(event, h11.Request):
            raise EOFError("the client left without a request")
        return event

    async def body(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next_event(), h11.Data):
            yield bytes(event.data)

    async def send(self, event: h11.Event) -> None:
        self._writer.write(self._protocol.send(event) or b"")
        await self._writer.drain()

    async def refuse_tunnel(self, request: h11.Request, status: int, reason: str) -> None:
        if request.method == b"CONNECT" and self._protocol.our_state is h11.SEND_RESPONSE:
            await self.refuse(status, reason)

    async def refuse(self, status: int, reason: str, headers: RawHeaders = ()) -> None:
        body = reason.encode()
        length = (b"Content-Length", str(len(body)).encode())
        kind = (b"Content-Type", b"text/plain; charset=utf-8")
        await self.send(h11.Response(status_code=status, headers=[*headers, length, kind, (b"Connection", b"close")]))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    async def splice(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: ProxySession) -> None:
        """Join the client with an opened connection until both directions have ended."""
        while not isinstance(await self._next_event(), h11.EndOfMessage | h11.PAUSED):
            pass
        await self.send(h11.Response(status_code=200, headers=[]))
        writer.write(self._protocol.trailing_data[0])
        upstream = asyncio.create_task(_pump(self._reader, writer))
        try:
            await _pump(reader, self._writer, session)
        finally:
            upstream.cancel()
            await asyncio.gather(upstream, return_exceptions=True)

    def close(self) -> None:
        self._writer.close()

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._reader.read(_PIECE))
        return event


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: ProxySession | None = None
) -> None:
    while data := await reader.read(_PIECE):
        if session is not None:
            session.count(data)
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def _header(headers: RawHeaders, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name.lower() == wanted), b"")


def _has_body(request: h11.Request) -> bool:
    return any(_header(request.headers, name) not in (b"", b"0") for name in (b"content-length", b"transfer-encoding"))


def _end_to_end(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    named = {name.strip().lower() for name in _header(headers, b"connection").split(b",")}
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP | named]


def _answer_headers(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    return [*_end_to_end(response.headers.raw), (b"Connection", b"close")]
