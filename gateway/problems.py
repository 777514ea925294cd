"""Every error as an RFC 9457 problem document: which status it has, and what it may say."""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spine import errors

_logger = logging.getLogger("millrace.gateway")

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field of the input."""

    field: str = Field(examples=["amazon_url"])
    message: str = Field(examples=["must be a web address that starts with http:// or https://"])


class Problem(BaseModel):
    """A problem document (RFC 9457). `code` is for programs and does not change; `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:millrace:problem:not_found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no submission sub_42."])
    instance: str = Field(default="", description="the path that was asked for", examples=["/submissions/sub_42"])
    code: str = Field(examples=["not_found"])
    errors: list[FieldProblem] | None = None


class ProblemError(Exception):
    """Ends a request with this problem."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        self.problem = problem(status, code, detail, **extra)
        self.headers = dict(headers or {})
        super().__init__(detail)


RenderPage = Callable[[Request, Problem], Response | None]
"""The problem as a page when a person asked for one, None when a program did."""

# The first kind that an error is an instance of decides; the order is from the special to the general.
_STATUSES: Sequence[tuple[type[errors.MillraceError], int]] = (
    (errors.RateLimitError, 429),
    (errors.DatabaseError, 503),
    (errors.TimeLimitError, 504),
    (errors.ExternalServiceError, 502),
    (errors.RetryableError, 503),
    (errors.NotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.BudgetExceededError, 402),
    (errors.NotConfiguredError, 503),
    (errors.PermanentError, 422),
)


def status_of(error: errors.MillraceError) -> int:
    """A credential that an outside service refused is that service's fault; without a service it is the caller's."""
    if isinstance(error, errors.AuthenticationError):
        return 502 if error.service else 401
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def headers_of(error: errors.MillraceError) -> dict[str, str]:
    if isinstance(error, errors.RateLimitError) and error.retry_after is not None:
        return {"Retry-After": str(max(0, math.ceil(error.retry_after)))}
    return {"Retry-After": "1"} if status_of(error) == 503 else {}


def problem(status: int, code: str, detail: str, *, instance: str = "", **extra: Any) -> Problem:
    return Problem(
        type=f"urn:millrace:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        code=code,
        **extra,
    )


def problem_of(error: errors.MillraceError) -> Problem:
    """What the store's failures say can name files and hosts, so it stays in the log."""
    internal = isinstance(error, errors.DatabaseError) and type(error).__doc__
    detail = internal.splitlines()[0] if internal else error.message
    fields = error.details.get("fields")
    return problem(status_of(error), error.error_code, detail, errors=fields or None)


def field_problems(found: Sequence[Any]) -> list[FieldProblem]:
    """Validation errors by field; never the value that was refused, which may be a secret."""
    return [_field_problem(item) for item in found]


def _field_problem(item: Any) -> FieldProblem:
    if item["type"] == "json_invalid":  # its place is that of a letter
        return FieldProblem(field="body", message=f"is not JSON ({item.get('ctx', {}).get('error', 'cannot be read')})")
    return FieldProblem(field=_field_name(item["loc"]), message=str(item["msg"]).removeprefix("Value error, "))


def _field_name(location: Sequence[int | str]) -> str:
    inner = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(inner) or str(location[0] if location else "body")


def problem_response(found: Problem, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    body = found.model_copy(update={"instance": instance}).model_dump(mode="json", exclude_none=True)
    # A detail may quote input, and input may hold half a surrogate pair, which UTF-8 cannot write.
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return Response(text, status_code=found.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install_problems(app: FastAPI, render_page: RenderPage) -> None:
    """Answer every refused request with its problem, as a page where a person asked for one."""

    def answer(request: Request, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
        page = render_page(request, found.model_copy(update={"instance": request.url.path}))
        return page or problem_response(found, request.url.path, headers)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return answer(request, error.problem, error.headers)

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.MillraceError)
        if status_of(error) >= 500:
            _logger.warning("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error)
        return answer(request, problem_of(error), headers_of(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, _invalid_input(error.errors()))

    async def invalid_socket(socket: WebSocket, error: Exception) -> None:
        assert isinstance(error, WebSocketRequestValidationError)
        await socket.send_denial_response(problem_response(_invalid_input(error.errors()), socket.url.path))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).name.lower()
        told = str(error.detail)
        detail = _HTTP_DETAILS.get(error.status_code) or _PLAINER.get(told, told)
        return answer(request, problem(error.status_code, code, detail), error.headers)

    app.add_exception_handler(ProblemError, refused)
    app.add_exception_handler(errors.MillraceError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(WebSocketRequestValidationError, invalid_socket)  # pyright: ignore[reportArgumentType]


def _invalid_input(found: Sequence[Any]) -> Problem:
    fields = field_problems(found)
    detail = "; ".join(f"{item.field}: {item.message}" for item in fields[:3])
    return problem(422, "invalid_input", detail or "The input is not valid.", errors=fields)


_PLAINER = {"There was an error parsing the body": "The body cannot be read: send it as JSON in UTF-8."}
"""What FastAPI says, in words that say what to do."""
_HTTP_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


class UnexpectedErrors:
    """Answers what nothing else caught with a 500 that shows no internals; the log has them under the reference."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            reference = secrets.token_hex(6)
            _logger.exception("%s %s failed (reference %s)", scope["method"], scope["path"], reference)
            if started:
                raise
            detail = f"Something went wrong here; the log has it under {reference}."
            found = problem(500, "unexpected", detail, reference=reference)
            await problem_response(found, scope["path"])(scope, receive, send)
