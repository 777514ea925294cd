"""What routes may ask for: the context, who calls, and the parts that live with the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from gateway.auth import Authenticator, require
from gateway.configuration import ConfigurationDesk
from gateway.context import GatewayContext
from gateway.health import HealthDesk
from gateway.hub import ProgressHub
from gateway.identity import Identity, Role
from gateway.later_starts import LaterStarts
from gateway.metrics import GatewayMetrics
from gateway.problems import ProblemError
from gateway.signing import Signer


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of one application, kept in `app.state.gateway`. They live as long as the application."""

    context: GatewayContext
    signer: Signer
    authenticator: Authenticator
    hub: ProgressHub
    metrics: GatewayMetrics
    health: HealthDesk
    configuration: ConfigurationDesk
    later_starts: LaterStarts


def gateway_of(connection: HTTPConnection) -> Gateway:
    return cast(Gateway, connection.app.state.gateway)


def _context(connection: HTTPConnection) -> GatewayContext:
    return gateway_of(connection).context


def caller_of(connection: HTTPConnection) -> Identity | None:
    """Who calls; None on a public address that a stranger asks for."""
    return connection.scope.get("state", {}).get("identity")


def _identity(connection: HTTPConnection) -> Identity:
    identity = caller_of(connection)
    if identity is None:  # a route that needs an identity was put on a public path
        raise ProblemError(401, "unauthenticated", "Send a token (Authorization: Bearer …) or log in at /login.")
    return identity


def _editor(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    require(identity, Role.EDITOR)
    return identity


def _admin(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
    require(identity, Role.ADMIN)
    return identity


def _revision(
    if_match: Annotated[str | None, Header(description="the revision that you have read")] = None,
) -> int | None:
    """The revision in `If-Match`; None without the header or with `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 9:
        raise ProblemError(412, "revision_mismatch", f'If-Match must be a revision such as "3", not {if_match[:40]!r}.')
    return int(text)


Parts = Annotated[Gateway, Depends(gateway_of)]
Context = Annotated[GatewayContext, Depends(_context)]
Caller = Annotated[Identity, Depends(_identity)]
EditorOnly = Depends(_editor)
AdminOnly = Depends(_admin)
IfMatch = Annotated[int | None, Depends(_revision)]
