"""A WebSocket client that notes when bytes came and reads them afterwards.

A thousand clients of one process take turns: what the first ones spend on a message is time that the last ones wait.
The `websockets` client spends as long on a message as a gateway does, and would be half of what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

_GREETED_WITHIN = 60.0  # seconds


class LightWatcher(asyncio.Protocol):
    """One connection. Offers compression, as browsers do, and says nothing after the handshake."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        self._wire = ClientProtocol(parse_uri(address), extensions=[ClientPerMessageDeflateFactory()])
        self._headers = headers
        self._came: list[tuple[int, bytes]] = []
        self._transport: asyncio.Transport | None = None
        self.greeting: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        request = self._wire.connect()
        request.headers.update(self._headers)
        self._wire.send_request(request)
        transport.writelines(self._wire.data_to_send())

    def data_received(self, data: bytes) -> None:
        self._came.append((time.time_ns(), data))
        if not self.greeting.done():
            for _, text in self.messages():
                self.greeting.set_result(text)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeting.done():
            self.greeting.set_exception(exc or ConnectionError("closed before the greeting"))

    def messages(self) -> Iterator[tuple[int, str]]:
        """What came since the last look, each with the moment (ns) at which its last byte was there."""
        came, self._came = self._came, []
        for moment, data in came:
            self._wire.receive_data(data)
            if self._wire.handshake_exc is not None:
                raise self._wire.handshake_exc
            for event in self._wire.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    assert event.fin, "servers send an event in one frame"
                    yield moment, bytes(event.data).decode()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def light_watcher(address: str, headers: Mapping[str, str]) -> AsyncGenerator[LightWatcher]:
    """Connected and greeted; dropped at the end of the block."""
    place = urlsplit(address)
    assert place.hostname is not None and place.port is not None, f"{address} names no host and port"
    _, watcher = await asyncio.get_running_loop().create_connection(
        lambda: LightWatcher(address, headers), place.hostname, place.port
    )
    try:
        await asyncio.wait_for(watcher.greeting, _GREETED_WITHIN)
        yield watcher
    finally:
        watcher.close()
