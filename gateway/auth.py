"""Lets in who shows a credential: a bearer token, a signed session cookie of the same origin, or a one-use ticket."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.identity import ADMIN, Identity, Role
from gateway.paths import is_public, is_shown, target_of
from gateway.problems import ProblemError, problem_response
from gateway.signing import Signer
from gateway.tickets import TicketStore, claim_of, identity_of, redeem_ticket
from spine.access_tokens import AccessTokens

SESSION_SECONDS = 12 * 3600
_SESSION = "session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_TO_VIEWERS = frozenset({"/api/tickets", "/logout"})
"""What a viewer may post: nothing here changes what the stack does."""


class Authenticator:
    """Knows the stack's credentials. Sessions are signed, not stored: they end after 12 hours, with a logout in
    that browser, when the token behind them is revoked, or when the admin token or the session key changes."""

    def __init__(self, admin_token: SecretStr, signer: Signer, tickets: TicketStore, tokens: AccessTokens) -> None:
        self._admin_token = admin_token.get_secret_value().encode()
        self._signer = signer
        self._tickets = tickets
        self._tokens = tokens
        self.cookie = f"millrace_session_{signer.stack_mark}"

    async def identify(self, connection: HTTPConnection) -> Identity | None:
        """Who makes this request or opens this WebSocket; `ProblemError` 403 when another site's page makes it."""
        if (token := _bearer(connection.headers)) is not None:
            return await self.by_token(token)
        if connection.scope["type"] == "websocket" and (ticket := _query_value(connection, "ticket")):
            return await self.by_ticket(ticket)
        identity = await self._by_session(connection.cookies.get(self.cookie, ""))
        if identity is not None and _needs_same_origin(connection):
            refuse_other_origins(connection)
        return identity

    async def by_token(self, token: str) -> Identity | None:
        if self._admin_token and hmac.compare_digest(token.encode(errors="replace"), self._admin_token):
            return Identity(name=ADMIN, role=Role.ADMIN, via="bearer")
        stored = await self._tokens.by_secret(token)
        if stored is None:
            return None
        return Identity(name=stored.name, role=Role(stored.role), via="bearer", token_id=stored.token_id)

    async def by_ticket(self, ticket: str) -> Identity | None:
        return await self._if_in_force(await redeem_ticket(self._signer, self._tickets, ticket))

    def open_session(self, response: Response, identity: Identity, *, secure: bool) -> None:
        value = self._signer.sign(_SESSION, SESSION_SECONDS, claim_of(identity))
        response.set_cookie(
            self.cookie, value, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure, path="/"
        )

    def close_session(self, response: Response) -> None:
        response.delete_cookie(self.cookie, path="/", httponly=True, samesite="strict")

    async def _by_session(self, cookie: str) -> Identity | None:
        claim = self._signer.read(_SESSION, cookie) if cookie else None
        return await self._if_in_force(identity_of(claim, "session")) if claim else None

    async def _if_in_force(self, identity: Identity | None) -> Identity | None:
        """What stands in for a stored token ends with it."""
        if identity is None or identity.token_id is None or await self._tokens.is_valid(identity.token_id):
            return identity
        return None


class AuthenticationGate:
    """Stands before every route: no identity, no answer. Leaves the identity in `scope["state"]["identity"]`."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            identity = await self._admit(connection)
        except ProblemError as error:
            refusal = problem_response(error.problem, scope["path"], error.headers)
            await _answer(_or_login(scope, refusal), scope, receive, send)
            return
        scope.setdefault("state", {})["identity"] = identity
        await self._app(scope, receive, send)

    async def _admit(self, connection: HTTPConnection) -> Identity | None:
        path = connection.scope["path"]
        public = connection.scope["type"] == "http" and is_public(path)
        identity = await self._authenticator.identify(connection)
        if identity is None and not public:
            raise ProblemError(
                401,
                "unauthenticated",
                "Send a token (Authorization: Bearer …) or log in at /login.",
                headers={"WWW-Authenticate": 'Bearer realm="millrace"'},
            )
        if identity is not None and not public and _changes(connection) and path not in _OPEN_TO_VIEWERS:
            require(identity, Role.EDITOR)
        return identity


def require(identity: Identity, role: Role) -> None:
    """`ProblemError` 403 unless the identity's role includes `role`."""
    if not identity.role.includes(role):
        raise ProblemError(403, "forbidden", f"This needs the role {role}; you are {identity.role}.")


def refuse_other_origins(connection: HTTPConnection) -> None:
    """`ProblemError` 403 unless the browser says that one of our own pages makes this request.

    SameSite cookies do not tell ports apart, so a page of another service on this host is stopped here.
    """
    headers = connection.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    same_site = site in (None, "same-origin")
    same_host = origin is not None and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    # A WebSocket handshake always carries Origin; a request of an old browser may carry only one of the two.
    proven = same_host or (origin is None and site == "same-origin" and connection.scope["type"] == "http")
    if not (same_site and proven):
        raise ProblemError(403, "cross_origin", "This request comes from a page of another site.")


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _query_value(connection: HTTPConnection, name: str) -> str | None:
    return next(iter(parse_qs(connection.scope["query_string"].decode("latin-1")).get(name, [])), None)


def _changes(connection: HTTPConnection) -> bool:
    return connection.scope["type"] == "http" and connection.scope["method"] not in _SAFE_METHODS


def _needs_same_origin(connection: HTTPConnection) -> bool:
    return connection.scope["type"] == "websocket" or _changes(connection)


def _or_login(scope: Scope, refusal: Response) -> Response:
    """A person without a login is led to it; a program gets the problem."""
    if scope["type"] == "http" and refusal.status_code == 401 and scope["method"] in ("GET", "HEAD"):
        request = HTTPConnection(scope)
        if is_shown(request):
            return RedirectResponse(f"/login?next={quote(target_of(request), safe='')}", status_code=303)
    return refusal


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
