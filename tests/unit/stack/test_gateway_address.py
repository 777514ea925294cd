"""Where the gateway listens, and where programs of this machine reach it there."""

from __future__ import annotations

import socket

import pytest

from deployments.stack.gateway_address import gateway_url, require_place, url_in
from spine.errors import ConflictError, NotConfiguredError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8800"),
        ("127.0.0.2", "http://127.0.0.2:8800"),
        ("192.0.2.7", "http://192.0.2.7:8800"),
        ("localhost", "http://localhost:8800"),
        ("::1", "http://[::1]:8800"),
        ("0.0.0.0", "http://127.0.0.1:8800"),
        ("::", "http://[::1]:8800"),  # IPv6 alone, so not on 127.0.0.1
    ],
)
def test_the_gateway_is_asked_where_it_listens(host: str, url: str) -> None:
    assert gateway_url(host, 8800) == url
    assert url_in({"MILLRACE_HOST": host, "MILLRACE_PORT": "8800"}) == url


def test_the_gateway_of_an_environment_without_a_host_is_on_loopback() -> None:
    assert url_in({"MILLRACE_PORT": "8800"}) == "http://127.0.0.1:8800"


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "no such host", "http://127.0.0.1", "127.0.0.1:8800"])
def test_what_is_no_address_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(NotConfiguredError, match=r"MILLRACE_HOST '.*' is no address of this machine"):
        require_place(host, 0)


@pytest.mark.parametrize(("taken", "free"), [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")])
def test_a_port_is_in_use_at_an_address(taken: str, free: str) -> None:
    with socket.socket() as other:
        other.bind((taken, 0))
        other.listen()
        port = other.getsockname()[1]
        require_place(free, port)
        for host in (taken, "0.0.0.0"):
            with pytest.raises(ConflictError, match=f"Port {port} is in use"):
                require_place(host, port)
