"""Fetches pages as a real browser renders them, all of its traffic under the URL guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from spine.adapters.chromium_process import ChromiumProcess, Confinement, find_browser
from spine.adapters.chromium_visit import Visit
from spine.adapters.guard_proxy import GuardProxy, ProxySession
from spine.adapters.system_resolver import SystemResolver
from spine.errors import ExternalServiceError, InvalidInputError, TimeLimitError
from spine.ports import FetchedPage
from spine.url_guard import Resolver, UrlGuard, WebAddress

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

__all__ = ["ChromiumBrowser", "find_browser"]

_SENDABLE_HEADERS = frozenset({"accept", "accept-language", "referer", "user-agent"})
_CLOSE_SECONDS = 3.0


class ChromiumBrowser:
    """`spine.ports.PageFetcher` on one shared Chromium, started by the first fetch and again after a crash.

    Each fetch has a context of its own (no cookie, cache or storage outlives it), at most `max_pages` at a time. A
    page is taken when it is quiet, at the latest `settle` seconds after its HTML has arrived. `max_traffic_bytes`
    bounds all that one visit downloads. Belongs to one event loop; `close` leaves no process.
    """

    def __init__(
        self,
        executable: str | None = None,
        allow: frozenset[str] = frozenset(),
        resolver: Resolver | None = None,
        *,
        locale: str = "en-US",
        max_pages: int = 4,
        settle: float = 2.0,
        max_traffic_bytes: int = 50_000_000,
    ) -> None:
        self._guard = UrlGuard(resolver or SystemResolver(), allow)
        self._process = ChromiumProcess(executable)
        self._proxy: GuardProxy | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(max_pages)
        self._leaving: set[asyncio.Task[None]] = set()
        self._locale = locale
        self._settle = settle
        self._max_traffic_bytes = max_traffic_bytes

    @property
    def confinement(self) -> Confinement | None:
        """How the browser is confined; None before it was first started."""
        return self._process.confinement

    async def fetch(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        accept_errors: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage:
        """Render `url` (see `spine.ports.PageFetcher`); `content` is the final document in UTF-8.

        `headers` may set referer, user agent and the first language. They reach every site that the page loads from, so
        others are `InvalidInputError`. Raises `NotConfiguredError` when there is no browser.
        """
        address = self._guard.check(url)
        sent = _checked_headers(headers or {})
        try:
            async with asyncio.timeout(timeout), self._visit(address, sent, max_bytes) as visit:
                await visit.load(self._settle)
                return await visit.take(url, max_bytes=max_bytes, accept_errors=accept_errors)
        except TimeoutError as error:
            message = f"{address.host} was not rendered within {timeout:g} s."
            raise TimeLimitError(message, limit_seconds=timeout) from error

    async def close(self) -> None:
        """End the browser and its proxy. Fetching again starts them anew."""
        await self._process.close()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            await proxy.close()

    @asynccontextmanager
    async def _visit(self, address: WebAddress, headers: Mapping[str, str], max_bytes: int) -> AsyncGenerator[Visit]:
        """Whoever has what it came for does not wait until the context is closed; its place is taken until then."""
        async with AsyncExitStack() as stack:
            await self._slots.acquire()
            stack.callback(self._slots.release)
            # The proxy vets again what it connects to; asking here refuses before a browser is needed.
            await self._guard.vet(address.host, address.port)
            proxy = await self._open_proxy()
            session = proxy.open_session(max(self._max_traffic_bytes, max_bytes))
            stack.callback(proxy.end_session, session)
            with _failing_as_a_service():
                context = await self._new_context(proxy, session, headers)
                stack.push_async_callback(self._close_context, context)
                try:
                    visit = await Visit.begin(context, address, session, max_bytes)
                    async with visit.translated():
                        yield visit
                finally:
                    self._leave(stack.pop_all())

    def _leave(self, stack: AsyncExitStack) -> None:
        leaving = asyncio.create_task(stack.aclose(), name="closing a browser context")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _open_proxy(self) -> GuardProxy:
        async with self._opening:
            if self._proxy is None:
                proxy = GuardProxy(self._guard)
                await proxy.start()
                self._proxy = proxy
            return self._proxy

    async def _new_context(
        self, proxy: GuardProxy, session: ProxySession, headers: Mapping[str, str]
    ) -> BrowserContext:
        """A context in the running browser, or in a new one when that turns out to have died unnoticed."""
        from playwright.async_api import Error

        browser = await self._process.browser(proxy.url)
        try:
            return await browser.new_context(**self._context_options(browser, proxy, session, headers))
        except Error as error:
            if browser.is_connected() and "closed" not in error.message:
                raise
        browser = await self._process.replace(browser, proxy.url)
        return await browser.new_context(**self._context_options(browser, proxy, session, headers))

    def _context_options(
        self, browser: Browser, proxy: GuardProxy, session: ProxySession, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        return {
            "proxy": {
                "server": proxy.url,
                "bypass": "<-loopback>",
                "username": session.username,
                "password": session.password,
            },
            "user_agent": headers.get("user-agent") or _user_agent(browser.version),
            "extra_http_headers": {name: headers[name] for name in ("accept", "referer") if name in headers},
            "locale": headers.get("accept-language", self._locale).partition(",")[0].partition(";")[0].strip(),
            "accept_downloads": False,
            "service_workers": "block",
        }

    async def _close_context(self, context: BrowserContext) -> None:
        from playwright.async_api import Error

        try:
            await asyncio.wait_for(context.close(), _CLOSE_SECONDS)
        except Error:
            pass  # The browser is gone, and the context with it.
        except TimeoutError:
            await self._process.close()  # A renderer that does not let go is ended with its browser.


@contextmanager
def _failing_as_a_service() -> Generator[None]:
    from playwright.async_api import Error

    try:
        yield
    except Error as error:
        reason = error.message.partition("\n")[0]
        raise ExternalServiceError(f"The browser failed: {reason}", service="browser") from error


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    if refused := sorted(name for name in headers if name.lower() not in _SENDABLE_HEADERS):
        raise InvalidInputError(f"The browser sends no header {', '.join(refused)}; fetch this over plain HTTP.")
    return {name.lower(): value for name, value in headers.items()}


def _user_agent(version: str) -> str:
    major = version.partition(".")[0]
    return f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"
