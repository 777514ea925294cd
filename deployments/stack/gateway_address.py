"""Where the gateway listens (`MILLRACE_HOST`), and where programs of this machine reach it there."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from deployments.stack.ports_choice import LOOPBACK, PORT_IN_USE
from spine.errors import ConflictError, NotConfiguredError

HOST_VARIABLE = "MILLRACE_HOST"
_EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - read, not bound


def gateway_url(host: str, port: int | str) -> str:
    """`http://host:port` for this machine: where the gateway listens everywhere, loopback."""
    reached = _EVERYWHERE.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def url_in(environment: Mapping[str, str]) -> str:
    """The same, from what `millrace env` tells."""
    return gateway_url(environment.get(HOST_VARIABLE) or LOOPBACK, environment["MILLRACE_PORT"])


def require_place(host: str, port: int) -> None:
    """`NotConfiguredError` where the host is no address of this machine, `ConflictError` where the port is in use."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _no_address(host) from error
    for family, kind, protocol, _, address in found:
        _require_bindable(host, port, (family, kind, protocol), address)


def _require_bindable(host: str, port: int, made_as: tuple[int, int, int], address: object) -> None:
    try:
        with socket.socket(*made_as) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if made_as[0] == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the gateway binds
            probe.bind(address)  # pyright: ignore[reportArgumentType]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(PORT_IN_USE.format(port=port)) from error
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise _no_address(host) from error
        raise NotConfiguredError(
            f"The gateway cannot listen on port {port} of {host}: {error.strerror}.", what=HOST_VARIABLE
        ) from error


def _no_address(host: str) -> NotConfiguredError:
    told = f"{HOST_VARIABLE} {host!r} is no address of this machine: unset it, or name one that this machine has."
    return NotConfiguredError(told, what=HOST_VARIABLE)
