"""Coming in and going out: the login form, login links, the logout."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from gateway.dependencies import Parts, caller_of
from gateway.identity import Identity
from gateway.languages import COOKIE, languages
from gateway.pages.rendering import page
from gateway.paths import TARGET_LENGTH, local_target

router = APIRouter(include_in_schema=False)
_Target = Annotated[str | None, Query(alias="next", max_length=TARGET_LENGTH)]


@router.get("/login")
async def show_login(
    request: Request,
    parts: Parts,
    target: _Target = None,
    token: Annotated[str | None, Query(max_length=1000)] = None,
    ticket: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """The form; a link with the admin token or a one-use ticket logs in at once and leaves the address bar clean."""
    if token is None and ticket is None:
        return RedirectResponse(local_target(target), 303) if caller_of(request) else _form(request, target)
    known = parts.authenticator
    identity = await (known.by_token(token) if token else known.by_ticket(ticket or ""))
    if identity is None:
        return _form(request, target, "This link is not valid any more. Ask for a new one or paste the token.")
    return _enter(request, parts, identity, target)


@router.post("/login")
async def log_in(
    request: Request, parts: Parts, token: Annotated[str, Form(max_length=1000)] = "", target: _Target = None
) -> Response:
    identity = await parts.authenticator.by_token(token.strip())
    if identity is None:
        return _form(request, target, "This token is not right.")
    return _enter(request, parts, identity, target)


@router.post("/logout")
async def log_out(parts: Parts) -> Response:
    response = RedirectResponse("/login", 303)
    parts.authenticator.close_session(response)
    return response


@router.post("/language")
async def choose_language(
    request: Request, language: Annotated[str, Form(max_length=20)] = "", target: _Target = None
) -> Response:
    """Remembered in this browser for a year; a language that there is not leaves everything as it is."""
    response = RedirectResponse(local_target(target), 303)
    if language in languages():
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, language, max_age=365 * 86400, samesite="lax", httponly=True, secure=secure)
    return response


def _form(request: Request, target: str | None, error: str = "") -> Response:
    return page(request, "login.html", status_code=401 if error else 200, target=local_target(target), error=error)


def _enter(request: Request, parts: Parts, identity: Identity, target: str | None) -> Response:
    response = RedirectResponse(local_target(target), 303)
    parts.authenticator.open_session(response, identity, secure=request.url.scheme == "https")
    return response
