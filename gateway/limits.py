"""Bounds on what a request may bring: size, time to arrive, media type, depth and numbers of its body."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.paths import FORM_PATHS, TABLE_PATHS
from gateway.problems import ProblemError, problem_response

_FORM = "application/x-www-form-urlencoded"
_TABLES = frozenset({"text/csv", "multipart/form-data"})
# Possessive, so that no text makes it look twice at a character.
_JSON_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_NUMBERS = re.compile(rb"NaN|Infinity")
_MOST_DIGITS = sys.int_info.default_max_str_digits
# It begins where a number does: looked for at each digit, a body of long numbers would take seconds.
_LONG_NUMBER = re.compile(rb"(?<![0-9])[0-9]{%d}" % (_MOST_DIGITS + 1))
_BRACKETS = re.compile(rb"[\[\]{}]")


_DRAINED_BYTES = 64_000_000
_DRAINED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The most that one request's body may be; `max_seconds` is from its first byte to its last."""

    max_bytes: int = 1_000_000
    max_table_bytes: int = 5_000_000
    max_depth: int = 64
    max_seconds: float = 30.0


class BodyGate:
    """Reads a body within its limits before the application sees the request, and refuses it otherwise.

    The body is held in memory once, at most `max_bytes` of it, whatever the caller says about its length.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            body = await self._read(headers, receive, self._most(scope["path"]))
            if body and _is_json(headers, scope["path"]):
                check_depth(body, self._limits.max_depth)
                check_numbers(body)
        except ProblemError as error:
            await problem_response(error.problem, scope["path"], error.headers)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _most(self, path: str) -> int:
        return self._limits.max_table_bytes if path in TABLE_PATHS else self._limits.max_bytes

    async def _read(self, headers: Headers, receive: Receive, most: int) -> bytes:
        stated = headers.get("content-length", "0")
        if stated.isdigit() and int(stated) > most:
            if "expect" not in headers:  # who asks first hears the answer before it sends
                await _drain(receive)
            raise _too_large(most)
        if stated == "0" and "transfer-encoding" not in headers:
            return b""
        try:
            async with asyncio.timeout(self._limits.max_seconds):
                return await self._collect(receive, most)
        except TimeoutError as error:
            raise ProblemError(408, "request_timeout", "The body did not arrive in time.") from error

    async def _collect(self, receive: Receive, most: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(chunks)  # the caller is gone; nobody reads the answer
            chunk: bytes = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            if not message.get("more_body", False):
                return b"".join(chunks)


async def _drain(receive: Receive) -> None:
    """Read on for a while and keep nothing: a client that reads only when all is sent would meet a reset connection in
    place of the answer."""
    left = _DRAINED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAINED_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limit: int) -> ProblemError:
    detail = f"A body may have {limit:,} bytes."
    return ProblemError(413, "body_too_large", detail, headers={"Connection": "close"}, limit_bytes=limit)


def _is_json(headers: Headers, path: str) -> bool:
    """Whether the body is JSON; `ProblemError` 415 unless it is what this address takes."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    form = path in FORM_PATHS
    if essence == _FORM if form else (path in TABLE_PATHS and essence in _TABLES):
        return False
    if not form and (essence == "application/json" or re.fullmatch(r"application/[^/]+\+json", essence)):
        return True
    wanted = [_FORM] if form else ["application/json", *(sorted(_TABLES) if path in TABLE_PATHS else [])]
    accept = {} if form else {"Accept": ", ".join(wanted)}
    raise ProblemError(415, "unsupported_media_type", f"Send the body as {' or '.join(wanted)}.", headers=accept)


def check_depth(body: bytes, max_depth: int) -> None:
    """`ProblemError` 422 when a JSON text nests deeper than that; whether it is JSON at all is not judged here."""
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    depth = 0
    for bracket in _BRACKETS.finditer(_JSON_STRINGS.sub(b"", body)):
        depth += 1 if bracket.group() in b"[{" else -1
        if depth > max_depth:
            raise ProblemError(422, "too_deep", f"The JSON may nest {max_depth} levels deep.")


def check_numbers(body: bytes) -> None:
    """`ProblemError` 422 for what Python's reader takes, or chokes on, and no JSON of ours has: NaN and infinity, which
    would be stored as null, and whole numbers that are too long to be read."""
    if _NO_NUMBERS.search(body) and (word := _NO_NUMBERS.search(_JSON_STRINGS.sub(b"", body))):
        raise ProblemError(422, "invalid_input", f"The body is not JSON: {word.group().decode()} is no number there.")
    if _LONG_NUMBER.search(body) and _LONG_NUMBER.search(_JSON_STRINGS.sub(b'""', body)):
        detail = f"A number in the body has more than {_MOST_DIGITS:,} digits; send it as text."
        raise ProblemError(422, "invalid_input", detail)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body in one piece and then whatever the server says (a disconnect)."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
