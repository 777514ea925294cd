"""JSON calls to the API of one account, such that afterwards it is known whether anything was done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from spine.adapters.bounded_body import ACCEPTED_ENCODINGS, read_bounded
from spine.adapters.guarded_transport import GuardedTransport
from spine.adapters.system_resolver import SystemResolver
from spine.errors import ExternalServiceError, MillraceError, NotConfiguredError, PermanentError
from spine.public_addresses import on_own_network
from spine.url_guard import Resolver, UrlGuard, WebAddress, read_address

_CONNECT_SECONDS = 5.0
_MAX_ANSWER_BYTES = 1_000_000
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What came back. `parsed` is None when it is no JSON."""

    status: int
    headers: Mapping[str, str]
    parsed: Any

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that came; empty when it was something else."""
        return self.parsed if isinstance(self.parsed, dict) else {}

    @property
    def retry_after(self) -> str | None:
        return self.headers.get("retry-after")


class AccountWire:
    """Connections to the one address that the operator named; they live until `close`.

    It speaks on the transport rather than through an `httpx.Client`, which would write every address to the log, and
    Telegram's addresses hold the bot's token. No error that it raises holds an address, a header or a body either.
    """

    def __init__(
        self,
        base_url: str,
        service: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 20.0,
        may_have_query: bool = False,
        resolver: Resolver | None = None,
    ) -> None:
        """`service` is how messages name the other side; `timeout` in seconds from the connection to the answer."""
        home = checked_base(base_url, service, may_have_query=may_have_query)
        self._base = home.url if "?" in home.url else home.url.rstrip("/")
        self._service = service
        self._timeout = timeout
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED_ENCODINGS,
            "User-Agent": "Millrace",
            **(headers or {}),
        }
        guard = UrlGuard(resolver or SystemResolver(), {home.authority})
        self._transport = GuardedTransport(guard, max_connections=64)

    async def post(self, path: str, content: Mapping[str, Any] | bytes, **headers: str) -> WireAnswer:
        """Post JSON. Raises `ExternalServiceError` with `delivered=False` when the request cannot have arrived, with
        `delivered=None` when nobody knows."""
        raw = content if isinstance(content, bytes) else json.dumps(dict(content), ensure_ascii=False).encode()
        sent = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self._call("POST", path, raw, sent)

    async def get(self, path: str) -> WireAnswer:
        return await self._call("GET", path, b"", {})

    async def close(self) -> None:
        await self._transport.aclose()

    async def _call(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> WireAnswer:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(self._request(method, path, content, headers))
        except _NOT_SENT as error:
            raise self._failed("could not be reached", error, delivered=False) from None
        except TimeoutError as error:
            raise self._failed(f"did not answer within {self._timeout:g} s", error, delivered=None) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._failed("broke off while it answered", error, delivered=None) from None

    async def _exchange(self, request: httpx.Request) -> WireAnswer:
        try:
            response = await self._transport.handle_async_request(request)
        except MillraceError:  # the guard: a name that does not resolve, an address that is not to be used
            raise ExternalServiceError(
                f"{self._service} could not be reached: its address does not resolve.",
                service=self._service,
                delivered=False,
            ) from None
        try:
            raw = await read_bounded(
                response.aiter_raw(),
                encoding=response.headers.get("content-encoding", ""),
                max_bytes=_MAX_ANSWER_BYTES,
                service=self._service,
            )
        except MillraceError as error:  # an answer came, but what it says cannot be read
            raise self._failed("gave an answer that cannot be read", error, delivered=None) from None
        finally:
            await response.aclose()
        return WireAnswer(response.status_code, response.headers, _json(raw))

    def _request(self, method: str, path: str, content: bytes, headers: Mapping[str, str]) -> httpx.Request:
        return httpx.Request(
            method,
            self._base + path,
            content=content or None,
            headers={**self._headers, **headers},
            extensions={
                "timeout": httpx.Timeout(self._timeout, connect=_CONNECT_SECONDS, pool=self._timeout / 2).as_dict()
            },
        )

    def _failed(self, what: str, error: Exception, *, delivered: bool | None) -> ExternalServiceError:
        return ExternalServiceError(
            f"{self._service} {what} ({type(error).__name__}).", service=self._service, delivered=delivered
        )


def checked_base(url: str, service: str, *, may_have_query: bool = False) -> WebAddress:
    """The address of an API as the operator set it; `NotConfiguredError` when it may not be used."""
    try:
        address = read_address(url.strip())
    except PermanentError as error:
        raise NotConfiguredError(f"The address of {service} is no web address.", what=service) from error
    if "?" in address.url and not may_have_query:
        raise NotConfiguredError(f"The address of {service} must not have a query in it.", what=service)
    if address.scheme == "http" and not on_own_network(address.host):
        raise NotConfiguredError(
            f"The address of {service} must start with https://, or its key crosses the internet in the clear.",
            what=service,
        )
    return address


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
