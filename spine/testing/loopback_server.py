"""An HTTP server on a free loopback port that serves from threads of its own: what the loopback APIs have in common."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Self, TypeVar

BACKLOG = 512
"""Callers that may wait to be accepted; with the usual 5 a burst of them waits a second for its connections."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = BACKLOG

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is no news; everything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


Server = TypeVar("Server", bound="LoopbackServer")


class ConnectionHandler(BaseHTTPRequestHandler, Generic[Server]):
    """One connection to a `LoopbackServer`, `served`: kept open, without Nagle's delay, silent in the log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else head and body, sent apart, wait 40 ms for each other's acknowledgement
    served: Server

    def setup(self) -> None:
        super().setup()
        self.served.connections.add(self.connection)

    def finish(self) -> None:
        self.served.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def content(self) -> bytes:
        """The body of the request."""
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def named(self) -> dict[str, str]:
        """The request's headers, names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are recorded instead."""


class LoopbackServer:
    """Listens between `start` and `close` (or in a `with` block); any event loop and any process may call it."""

    def __init__(self, handler: type[ConnectionHandler[Any]], *, port: int = 0) -> None:
        self.connections: set[socket.socket] = set()
        self.closing = threading.Event()
        bound = type(handler.__name__, (handler,), {"served": self})
        self._server = _Listener(("127.0.0.1", port), bound)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and break off what is open; a second time does nothing."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self.connections):
            with suppress(OSError):  # its client was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self, address: str | None = None) -> None:
        """Print the address and serve until the process is interrupted or ended."""
        with self:
            print(address or self.url, flush=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
