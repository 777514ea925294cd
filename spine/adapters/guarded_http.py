"""Fetches pages and JSON over HTTP under the URL guard, bounded in size, time and redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from weakref import WeakValueDictionary

import httpx

from spine.adapters.bounded_body import ACCEPTED_ENCODINGS, read_bounded, too_large
from spine.adapters.guarded_transport import GuardedTransport
from spine.adapters.system_resolver import SystemResolver
from spine.errors import ExternalServiceError, InvalidInputError, TimeLimitError
from spine.http_status import REDIRECTS, status_error
from spine.ports import FetchedPage
from spine.url_guard import MAX_REDIRECTS, Resolver, UrlGuard, WebAddress, blocked

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ACCEPT_LANGUAGE = "en-US,en;q=0.9"

_CONNECT_SECONDS = 10.0
_OURS_ALONE = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade"})
_HARMLESS_ELSEWHERE = frozenset({"accept", "accept-language", "user-agent"})


def guarded_client(
    allow: frozenset[str] = frozenset(), resolver: Resolver | None = None, **options: Any
) -> httpx.AsyncClient:
    """An httpx client for JSON APIs whose every request and redirect passes the URL guard; the caller closes it.

    It keeps no cookies and reads no proxy from the environment. `options` are those of `httpx.AsyncClient`. Size and
    total time are not bounded here: use `GuardedHttpFetcher` for addresses that a user gave.
    """
    transport = GuardedTransport(UrlGuard(resolver or SystemResolver(), allow))
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(transport=transport, trust_env=False, cookies=no_cookies, **options)


class GuardedHttpFetcher:
    """`spine.ports.PageFetcher` over HTTP/1.1. One per process and event loop; connections live until `close`.

    At most `per_host` requests to a host run at a time, later ones wait (their time limit runs). No cookie survives a
    response. Headers given to `fetch` reach the origin of its URL only; redirects elsewhere lose them.
    """

    def __init__(
        self,
        allow: frozenset[str] = frozenset(),
        resolver: Resolver | None = None,
        *,
        accept_language: str = ACCEPT_LANGUAGE,
        user_agent: str = USER_AGENT,
        per_host: int = 4,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._guard = UrlGuard(resolver or SystemResolver(), allow)
        self._given = (transport, ssl_context)
        self._headers = httpx.Headers(
            {
                "User-Agent": user_agent,
                "Accept": ACCEPT,
                "Accept-Language": accept_language,
                "Upgrade-Insecure-Requests": "1",
            }
        )
        self._per_host = per_host
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._opened: httpx.AsyncBaseTransport | None = None

    async def fetch(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        accept_errors: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage:
        """GET `url` (see `spine.ports.PageFetcher`). `timeout` is the total in seconds, redirects and body included."""
        address = self._guard.check(url)
        given = _checked_headers(headers or {})
        try:
            async with asyncio.timeout(timeout):
                with _as_our_errors(address.host):
                    return await self._follow(url, address, given, max_bytes, accept_errors)
        except TimeoutError as error:
            message = f"{address.host} did not answer completely within {timeout:g} s."
            raise TimeLimitError(message, limit_seconds=timeout) from error

    async def close(self) -> None:
        """Close every connection. Fetching again opens new ones."""
        transport, self._opened = self._opened, None
        if transport is not None:
            await transport.aclose()

    async def _follow(
        self, url: str, address: WebAddress, given: httpx.Headers, max_bytes: int, accept_errors: bool
    ) -> FetchedPage:
        start = address
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._get(url, address, _headers_for(address, start, given), max_bytes, accept_errors)
            if isinstance(answer, FetchedPage):
                return answer
            address = answer
        raise blocked(url, f"it redirects more than {MAX_REDIRECTS} times")

    async def _get(
        self, url: str, address: WebAddress, given: httpx.Headers, max_bytes: int, accept_errors: bool
    ) -> FetchedPage | WebAddress:
        """One request: the page, or the address that it redirects to."""
        sent = httpx.Headers(self._headers)
        sent.update(given)
        sent["Accept-Encoding"] = ACCEPTED_ENCODINGS
        async with self._slot(address.host), self._send(httpx.Request("GET", address.url, headers=sent)) as response:
            location = response.headers.get("location")
            if response.status_code in REDIRECTS and location:
                return self._guard.follow(address, location)
            content = await _read_answer(response, address.host, max_bytes, accept_errors)
            content_type = response.headers.get("content-type", "")
            return FetchedPage(url, address.url, response.status_code, content, content_type)

    @asynccontextmanager
    async def _send(self, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """Straight to the transport: a client would read the redirects and keep the cookies."""
        if self._opened is None:
            transport, ssl_context = self._given
            self._opened = transport or GuardedTransport(self._guard, ssl_context=ssl_context)
        # The total time is bounded in `fetch`; a dead address must not use it all up before the next one is tried.
        request.extensions["timeout"] = httpx.Timeout(None, connect=_CONNECT_SECONDS).as_dict()
        response = await self._opened.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    def _slot(self, host: str) -> asyncio.Semaphore:
        slot = self._slots.get(host)
        if slot is None:
            slot = self._slots[host] = asyncio.Semaphore(self._per_host)
        return slot


async def _read_answer(response: httpx.Response, service: str, max_bytes: int, accept_errors: bool) -> bytes:
    error = status_error(response.status_code, response.headers, service=service, accept_errors=accept_errors)
    if error is not None:
        raise error
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise too_large(service, max_bytes)
    encoding = response.headers.get("content-encoding", "")
    return await read_bounded(response.aiter_raw(), encoding=encoding, max_bytes=max_bytes, service=service)


def _checked_headers(headers: Mapping[str, str]) -> httpx.Headers:
    for name, value in headers.items():
        if name.lower() in _OURS_ALONE:
            raise InvalidInputError(f"The header {name} belongs to the fetcher; leave it out.")
        if not (name + value).isascii() or any(ord(character) < 32 for character in name + value):
            raise InvalidInputError(f"The header {name!r} has characters in it that headers cannot carry.")
    return httpx.Headers(dict(headers))


def _headers_for(address: WebAddress, start: WebAddress, given: httpx.Headers) -> httpx.Headers:
    """Headers may carry a key for the site that was asked; another origin is not told."""
    if address.origin == start.origin:
        return given
    return httpx.Headers([(name, value) for name, value in given.items() if name in _HARMLESS_ELSEWHERE])


@contextmanager
def _as_our_errors(service: str) -> Generator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        message = f"{service} could not be reached: {error or type(error).__name__}."
        raise ExternalServiceError(message, service=service) from error
