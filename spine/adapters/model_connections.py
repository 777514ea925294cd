"""Kept connections that cost little while they wait.

Before and after each request a pool asks all of its idle connections whether the server closed them meanwhile. anyio
makes a table of all that is known of a socket for that; with the fifty connections of a busy lane it took 1 ms a
request. Imported with the first client: httpcore2 is no light import.
"""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import httpcore2

if TYPE_CHECKING:
    import ssl

    import httpx2


def look_quickly(client: httpx2.AsyncClient) -> None:
    """For the connections that this client opens from now on without a proxy.

    httpx2 lets nobody choose how its pool connects, short of a transport of one's own, with which it would no longer
    heed the proxies of the environment.
    """
    pool = getattr(client._transport, "_pool", None)  # pyright: ignore[reportPrivateUsage]
    if isinstance(pool, httpcore2.AsyncConnectionPool):
        pool._network_backend = _Backend(pool._network_backend)  # pyright: ignore[reportPrivateUsage]


class _Backend(httpcore2.AsyncNetworkBackend):
    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    """One connection, its socket looked up once. Ends with the stream inside."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner
        self._socket = inner.get_extra_info("socket")
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """`is_readable`: the server sent something, which between two answers can only be its end."""
        if info != "is_readable":
            return self._inner.get_extra_info(info)
        return self._socket.fileno() < 0 or bool(self._poll.poll(0))
