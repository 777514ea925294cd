"""What a WordPress answer that is not a success means to us."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, cast

from spine.errors import (
    AuthenticationError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotFoundError,
    PermanentError,
)
from spine.http_status import status_error

_LONGEST_MESSAGE = 200
_REFUSED_UPLOADS = frozenset({"rest_upload_unknown_error", "rest_upload_sideload_error", "rest_upload_file_too_big"})
"""Sent with status 500, but the same file is refused tomorrow as well."""


def answer_error(
    status: int, headers: Mapping[str, str], body: object, *, service: str, username: str
) -> MillraceError | None:
    """The error that an answer amounts to; None for a success. Header names in lower case.

    `body` is the parsed JSON, None when the answer was none. The error's `code` and `data` are WordPress's own.
    """
    if status < 400:
        return None
    answer = cast(dict[str, Any], body) if isinstance(body, dict) else {}
    code, data = str(answer.get("code", "")), answer.get("data")
    said = f"{service} answered: {_plain(answer.get('message'))}" if answer else f"{service} answered HTTP {status}."
    details = {"code": code, "data": data if isinstance(data, dict) else {}}
    if status == 401 or _names_status(answer, 401):
        return AuthenticationError(_sign_in_again(said, username), service=service, **details)
    if status == 403 and answer:
        return AuthenticationError(
            f"{said} The user {username!r} needs the role Editor or Administrator.", service=service, **details
        )
    if status in (404, 410):
        return NotFoundError(said, **details)
    if status == 400 or code in _REFUSED_UPLOADS:
        return InvalidInputError(said, **details)
    if status == 413:
        return InvalidInputError(f"{service} does not take files of this size; raise its upload limit.", **details)
    return _elsewhere(status, headers, said, service)


def _elsewhere(status: int, headers: Mapping[str, str], said: str, service: str) -> MillraceError:
    passing = status_error(status, headers, service=service)
    if isinstance(passing, ExternalServiceError) and status < 500:
        return PermanentError(f"{said} A firewall in front of the site may refuse requests to its REST API.")
    if isinstance(passing, ExternalServiceError):
        return ExternalServiceError(said, service=service, status=status)
    assert passing is not None  # it was 400 or above
    return passing


def _sign_in_again(said: str, username: str) -> str:
    return (
        f"{said} The application password of {username!r} was not accepted: make a new one under Users → Profile → "
        "Application Passwords and put it into the WordPress block; if it is right, the web server drops the header "
        "Authorization before WordPress sees it."
    )


def _names_status(answer: Mapping[str, Any], status: int) -> bool:
    """Whether a parameter was refused with that status: to an unknown user, WordPress says 400 and 401 inside it."""
    data = answer.get("data")
    details = data.get("details") if isinstance(data, dict) else None
    if not isinstance(details, dict):
        return False
    inner = [one.get("data") for one in cast(dict[str, Any], details).values() if isinstance(one, dict)]
    return any(isinstance(one, dict) and one.get("status") == status for one in inner)


def _plain(message: object) -> str:
    """WordPress's own sentence, in the site's language, without its markup."""
    text = html.unescape(re.sub(r"<[^>]*>", "", str(message or "no reason given")))
    shown = " ".join(text.split())[:_LONGEST_MESSAGE]
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."
