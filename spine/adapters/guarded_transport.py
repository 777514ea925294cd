"""An httpx transport on which every request passes the URL guard and connects to the very address that was checked."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import cast

import httpcore
import httpx

from spine.url_guard import UrlGuard

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes 40 ms, and each call from plain Python opens several clients."""
    return httpx.create_ssl_context()


class GuardedTransport(httpx.AsyncBaseTransport):
    """Use it as `httpx.AsyncClient(transport=…)`: redirects that the client follows pass the guard as well.

    Connections are kept per host name (never shared between names that live at one address), stay with the event
    loop they were opened on, and are closed by `aclose`. Raises `BlockedUrlError` and `ExternalServiceError` (a name
    that does not resolve) beside httpx's own errors.
    """

    def __init__(
        self, guard: UrlGuard, *, ssl_context: ssl.SSLContext | None = None, max_connections: int = 64
    ) -> None:
        self._guard = guard
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or _trusted(),
            max_connections=max_connections,
            max_keepalive_connections=16,
            keepalive_expiry=5.0,
            network_backend=_PinnedBackend(guard),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = self._guard.check(str(request.url))
        # Host and target come from the address as the guard read it, so that nothing else can be meant.
        request.headers["Host"] = address.host_header
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=address.scheme, host=address.host, port=address.port, target=request.url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx_errors(request):
            answer = await self._pool.handle_async_request(sent)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer, request),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Resolves through the guard and connects to what the guard returned, first address that answers."""

    def __init__(self, guard: UrlGuard) -> None:
        self._guard = guard
        self._network = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for ip in await self._guard.vet(host, port):
            try:
                return await self._network.connect_tcp(ip, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors(self._request):
            async for chunk in cast(AsyncIterable[bytes], self._answer.stream):
                yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


_HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


@contextmanager
def _as_httpx_errors(request: httpx.Request) -> Generator[None]:
    """httpx names its errors as httpcore does."""
    try:
        yield
    except _HTTPCORE_ERRORS as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error) or type(error).__name__, request=request) from error
