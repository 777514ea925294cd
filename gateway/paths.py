"""Which addresses of the gateway answer strangers, and which are pages for people rather than calls for programs."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import HTTPConnection

from gateway.pages.navigation import is_place

PUBLIC_PATHS = frozenset({"/health", "/login", "/language", "/static/millrace.css", "/static/icon.svg"})
"""Everything else needs an identity. `/health` tells a stranger nothing but `status`."""

WEBHOOKS = "/webhooks/"
"""Those who post here prove who they are by a secret or a signature of their own (`gateway.webhook_doors`)."""

FORM_PATHS = frozenset({"/login", "/logout", "/language"})
"""Where a browser posts a plain form; everything else that takes a body takes JSON."""

TABLE_PATHS = frozenset({"/submissions/batch"})
"""Where a table may be sent instead of JSON, and more of it than elsewhere."""

TARGET_LENGTH = 2000
"""Characters of an address that somebody is led back to."""

_PAGES = frozenset({"/login", "/logout", "/language"})


def is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(WEBHOOKS)


def is_page(path: str) -> bool:
    """Whether this address is a page: errors become pages, a missing login becomes a redirect."""
    return path in _PAGES or is_place(path)


def is_shown(request: HTTPConnection) -> bool:
    """Whether a person looks at what this request answers: a page, or any address that a browser was led to."""
    path, accept = request.scope["path"], request.headers.get("accept", "")
    led_here = request.scope.get("method") in ("GET", "HEAD")
    # A program that takes anything does not ask for HTML, and one that names both can read the document.
    return is_page(path) or (led_here and "text/html" in accept and "json" not in accept)


def target_of(request: HTTPConnection) -> str:
    """This address as a `next` that `local_target` takes; without its query when that is too long."""
    path, query = quote(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    full = f"{path}?{query}" if query else path
    return full if len(full) <= TARGET_LENGTH else path


def local_target(target: str | None) -> str:
    """`target` when it is a path of this gateway, else the front page: a login never leads to another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    if any(ord(character) < 0x21 or character == "\\" for character in target):
        return "/"
    return target
