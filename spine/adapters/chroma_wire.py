"""Calls to a Chroma server's HTTP API (v2), and what its refusals mean.

Chroma's own client is not used: it waits for ever (no timeout, none can be set), keeps its connections in one table
for all event loops and servers, and costs each process 55 MB and most of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from spine.errors import (
    AuthenticationError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotFoundError,
    RateLimitError,
    TimeLimitError,
)
from spine.http_status import retry_after_seconds

_DATABASE: Final = "/api/v2/tenants/default_tenant/databases/default_database"
_SERVICE: Final = "chroma"


class ChromaWire:
    """One server's connections. They belong to one event loop, begin with the first call and end with `close`."""

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)
        self._timeout = timeout

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON of the answer to a call under the database's path. Raises only `spine.errors`."""
        return await self._ask(method, _DATABASE + path, body)

    async def heartbeat(self) -> None:
        await self._ask("GET", "/api/v2/heartbeat", None)

    async def largest_batch(self) -> int:
        """How many entries one call may carry."""
        return int((await self._ask("GET", "/api/v2/pre-flight-checks", None))["max_batch_size"])

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        content = None if body is None else orjson.dumps(body)
        try:
            answer = await self._client.request(
                method, self._url + path, content=content, headers={"Content-Type": "application/json"}
            )
        except httpx.TimeoutException as error:
            raise TimeLimitError(
                f"Chroma did not answer within {self._timeout:g} s", limit_seconds=self._timeout
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ExternalServiceError(
                f"Chroma at {self._url} cannot be reached ({error or type(error).__name__}): "
                "is the stack up, and MILLRACE_CHROMA_URL right?",
                service=_SERVICE,
            ) from error
        return _content(answer)


def _content(answer: httpx.Response) -> Any:
    try:
        said: Any = orjson.loads(answer.content) if answer.content else None
    except orjson.JSONDecodeError as error:
        if answer.is_success:
            raise ExternalServiceError("Chroma did not answer with JSON", service=_SERVICE) from error
        said = answer.text
    if answer.is_success:
        return said
    raise refusal(answer.status_code, answer.headers, said)


def refusal(status: int, headers: Mapping[str, str], said: object) -> MillraceError:
    """The error that a refused call stands for; `said` is the body, as JSON where it is some."""
    message = str(said.get("message") or said) if isinstance(said, dict) else str(said or "")  # pyright: ignore
    told = f"Chroma: {message[:300] or f'status {status}'}"
    if status == 404:
        return NotFoundError(told)
    if status in (401, 403):
        return AuthenticationError(told, service=_SERVICE)
    if status == 429:
        wait = retry_after_seconds(headers.get("retry-after"))
        return RateLimitError(told, service=_SERVICE, retry_after=wait)
    if 400 <= status < 500 and status != 409:
        return InvalidInputError(told)
    return ExternalServiceError(told, service=_SERVICE, status=status)
