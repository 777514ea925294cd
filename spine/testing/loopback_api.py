"""A JSON API on a free loopback port, for tests and benches: records every call, fails and delays on demand.

    with LoopbackTelegram() as telegram:
        os.environ["TELEGRAM_API_URL"] = telegram.url
        telegram.fault = lambda call: ApiAnswer(429, {...}) if telegram.count == 1 else None
        …
        assert telegram.texts(42) == ["Hello"]

It serves from threads of its own between `start` and `close` (or in a `with` block), so any event loop and any process
may call it. `GET /__calls` gives what came, for those who run it in a process of its own (`python -m …`).
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from spine.testing.loopback_server import ConnectionHandler, LoopbackServer


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request as it came; header names in lower case. `body` is None when it is no JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    at: float
    """Seconds since 1970."""

    @property
    def body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What goes back. With `breaks` the connection closes without an answer; `done` says whether the call had its
    effect nevertheless (as when a server dies between doing and answering)."""

    status: int = 200
    body: Any = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    breaks: bool = False
    done: bool = False


Fault = Callable[[ApiCall], ApiAnswer | None]
"""What goes wrong with a call; None: nothing does. An answer with a delay and status 200 only delays."""


class LoopbackApi(LoopbackServer):
    """The server; subclasses say in `answer` what a call does. `calls` keeps every request in order of arrival."""

    def __init__(self, *, port: int = 0, delay: float = 0.0) -> None:
        super().__init__(_Connection, port=port)
        self.delay = delay
        self.fault: Fault = lambda call: None
        self.calls: list[ApiCall] = []
        self.lock = threading.Lock()

    def answer(self, call: ApiCall) -> ApiAnswer:
        """Do what the call asks for. Called with `lock` held."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        return len(self.calls)

    def respond(self, call: ApiCall) -> ApiAnswer:
        """Record the call and decide on its answer; the caller waits for its delay."""
        with self.lock:
            self.calls.append(call)
            fault = self.fault(call)
            if fault is None:
                return self.answer(call)
            if fault.done or (fault.status == 200 and not fault.breaks):
                made = self.answer(call)
                return fault if fault.breaks or fault.body else ApiAnswer(made.status, made.body, delay=fault.delay)
            return fault


class _Connection(ConnectionHandler[LoopbackApi]):
    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        api, target = self.served, urlsplit(self.path)
        call = ApiCall(
            method=self.command,
            path=target.path,
            query=dict(parse_qsl(target.query)),
            headers=self.named(),
            raw=self.content(),
            at=time.time(),
        )
        if target.path == "/__calls":
            self._send(ApiAnswer(body=[_told(one) for one in list(api.calls)]))
            return
        answer = api.respond(call)
        api.closing.wait(answer.delay + api.delay)
        if answer.breaks:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer)

    def _send(self, answer: ApiAnswer) -> None:
        body = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _told(call: ApiCall) -> dict[str, Any]:
    return {"method": call.method, "path": call.path, "body": call.body, "at": call.at}


def options_of(description: str) -> dict[str, Any]:
    """`--port` and `--delay` of a server that is run as a program."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="before each answer")
    return vars(parser.parse_args())
