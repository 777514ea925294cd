"""How the supervisor asks the gateway whether it is well."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.stack.complaints import Complaint, complaint_of
from deployments.stack.health import gateway_answers
from deployments.stack.listening import listens
from deployments.stack.parts import Life


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server of this process that answers every GET with the status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def stranger() -> Iterator[int]:
    """The pid of a process that listens on nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


def gateway_complaint(port: int, pid: int) -> Complaint | None:
    return asyncio.run(complaint_of(gateway_answers(f"http://127.0.0.1:{port}", port), Life(pid)))


@pytest.mark.parametrize(
    ("status", "text", "own"),
    [
        (503, "its documents are away", False),  # nothing can be accepted, and no start of the gateway brings them back
        (500, "127.0.0.1:{port} answered 500", True),
        (404, "127.0.0.1:{port} answered 404", True),
    ],
)
def test_only_what_the_gateway_says_of_its_documents_is_not_held_against_it(status: int, text: str, own: bool) -> None:
    with answering(status) as port:
        assert gateway_complaint(port, os.getpid()) == Complaint(text.format(port=port), own)


def test_a_gateway_that_answers_on_its_port_is_well() -> None:
    with answering(200) as port:
        assert gateway_complaint(port, os.getpid()) is None


def test_the_answer_of_another_program_on_the_port_is_not_taken_for_the_gateways(stranger: int) -> None:
    with answering(200) as port:
        assert gateway_complaint(port, stranger) == Complaint(f"it does not listen on port {port}")


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_process_listens_from_listen_to_close(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((address, 0))
        port = server.getsockname()[1]
        assert not listens(os.getpid(), port)
        server.listen()
        assert listens(os.getpid(), port)
    assert not listens(os.getpid(), port)
