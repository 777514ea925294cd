"""One visit of a browser context to one page: loads it, waits until it is quiet, takes the final document."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from spine.adapters.bounded_body import too_large
from spine.adapters.guard_proxy import ProxySession
from spine.adapters.undeclared_charset import undo_windows_1252
from spine.errors import ExternalServiceError
from spine.http_status import REDIRECTS, status_error
from spine.ports import FetchedPage
from spine.url_guard import MAX_REDIRECTS, WebAddress, blocked

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, CDPSession, Page, Request, Response, Route

_NOT_NEEDED = frozenset({"image", "media", "font", "texttrack", "manifest"})
_FORBIDDEN_WAYS = ("ERR_UNSAFE_REDIRECT", "ERR_UNKNOWN_URL_SCHEME", "ERR_UNSAFE_PORT", "ERR_TOO_MANY_REDIRECTS")
_DECLARATION = re.compile(r"<meta[^>]+charset", re.IGNORECASE)
_TAKES = 3
_MOVING_ON_MS = 5000

# What can change a document once it is parsed: scripts, what embeds others, a refresh. Data in JSON is no script.
_CAN_CHANGE = """(() => {
  const alive = 'iframe, frame, object, embed, meta[http-equiv="refresh" i]';
  if (document.readyState === 'loading' || document.querySelector(alive)) return true;
  for (const element of document.getElementsByTagName('*')) {
    if (element.localName === 'script' && !/json/i.test(element.getAttribute('type') || '')) return true;
    for (const attribute of element.attributes) if (attribute.name.toLowerCase().startsWith('on')) return true;
  }
  return false;
})()"""

# The limit is applied inside the renderer: a larger document never reaches this process.
_TAKE_DOCUMENT = """(() => {
  const doctype = document.doctype ? new XMLSerializer().serializeToString(document.doctype) : '';
  const root = document.documentElement;
  const html = doctype + (root ? root.outerHTML : '');
  return html.length > %d ? null : html;
})()"""


class Visit:
    """A page in a context of its own, which the caller closes. Raises only `spine.errors` inside `translated`."""

    def __init__(self, page: Page, address: WebAddress, session: ProxySession) -> None:
        self._page = page
        self._address = address
        self._session = session
        self._heading_for = address.url
        self._redirects = 0
        self._broken_off = asyncio.Event()
        self._answer: Response | None = None
        self._devtools: CDPSession | None = None  # ends with the context
        self._max_bytes = 0
        self._announced_bytes = 0

    @classmethod
    async def begin(cls, context: BrowserContext, address: WebAddress, session: ProxySession, max_bytes: int) -> Visit:
        await context.route("**/*", _load_or_skip)
        page = await context.new_page()
        visit = cls(page, address, session)
        visit._max_bytes = max_bytes
        context.on("page", _close_popup)
        page.on("request", visit._note_request)
        page.on("response", visit._note_response)
        page.on("requestfailed", visit._note_failure)
        return visit

    async def load(self, settle: float) -> None:
        """Go to the page and return when it is quiet, at the latest `settle` seconds after its HTML has arrived.

        Quiet is half a second without a request; a document that nothing can change any more is so at once.
        """
        from playwright.async_api import TimeoutError as NotQuiet

        await self._arrive()
        if not await self._can_change():
            return
        with suppress(NotQuiet):
            await self._page.wait_for_load_state("networkidle", timeout=settle * 1000)

    async def take(self, url: str, *, max_bytes: int, accept_errors: bool) -> FetchedPage:
        """The document as it is now. A page that moves on meanwhile is taken where it arrives."""
        from playwright.async_api import Error

        for _ in range(_TAKES - 1):
            try:
                return await self._take_once(url, max_bytes, accept_errors)
            except Error:
                await self._page.wait_for_load_state("domcontentloaded", timeout=_MOVING_ON_MS)
        return await self._take_once(url, max_bytes, accept_errors)

    @asynccontextmanager
    async def translated(self) -> AsyncGenerator[None]:
        from playwright.async_api import Error

        try:
            yield
        except Error as error:
            self._check_refusals()
            if any(way in error.message for way in _FORBIDDEN_WAYS):
                raise blocked(self._address.url, "it redirects without end or to where pages may not be") from error
            host, reason = self._address.host, error.message.partition("\n")[0]
            raise ExternalServiceError(f"{host} could not be rendered: {reason}", service=host) from error

    async def _arrive(self) -> None:
        """`goto`, which alone would wait on for a document that breaks off half way."""
        arriving = asyncio.ensure_future(self._page.goto(self._address.url, wait_until="domcontentloaded", timeout=0))
        broken = asyncio.create_task(self._broken_off.wait())
        try:
            await asyncio.wait({arriving, broken}, return_when=asyncio.FIRST_COMPLETED)
            self._check_refusals()
            if self._broken_off.is_set():
                host = self._address.host
                raise ExternalServiceError(f"The page of {host} broke off before its end.", service=host)
            await arriving
        finally:
            arriving.cancel()
            broken.cancel()
            await asyncio.gather(arriving, broken, return_exceptions=True)

    async def _take_once(self, url: str, max_bytes: int, accept_errors: bool) -> FetchedPage:
        self._check_refusals()
        status, content_type = self._check_answer(accept_errors)
        html = await self._document(max_bytes, declared="charset" in content_type.lower())
        content = html.encode("utf-8", "replace") if html is not None else b""
        if html is None or len(content) > max_bytes:
            raise too_large(self._address.host, max_bytes)
        final_url = self._page.url.partition("#")[0]
        return FetchedPage(url, final_url, status, content, content_type, fetched_by="browser")

    def _check_refusals(self) -> None:
        if self._session.has_refused(self._heading_for):
            raise blocked(self._heading_for, "the browser was led there and the guard refuses it")
        if self._redirects > MAX_REDIRECTS:
            raise blocked(self._address.url, f"it redirects more than {MAX_REDIRECTS} times")
        if self._session.exhausted:
            raise too_large(self._address.host, self._session.max_bytes)
        if self._announced_bytes > self._max_bytes:
            raise too_large(self._address.host, self._max_bytes)

    def _check_answer(self, accept_errors: bool) -> tuple[int, str]:
        """Status and content type of the document that is shown."""
        host = self._address.host
        if self._answer is None or not self._page.url.startswith(("http://", "https://")):
            raise ExternalServiceError(f"{host} led to {self._page.url[:200]}, which is no page.", service=host)
        headers = self._answer.headers
        error = status_error(self._answer.status, headers, service=host, accept_errors=accept_errors)
        if error is not None:
            raise error
        return self._answer.status, headers.get("content-type", "")

    async def _can_change(self) -> bool:
        """Whether the document may still become another. Where that cannot be told, it may."""
        from playwright.async_api import Error

        if self._answer is None or "refresh" in self._answer.headers:
            return True
        try:
            return await self._ask(_CAN_CHANGE) is not False
        except Error:  # it is moving on just now
            return True

    async def _document(self, max_characters: int, *, declared: bool) -> str | None:
        """The serialised document, None when it is longer.

        The character set of a page that does not name it is a guess of the browser's, and a wrong one is undone.
        """
        html = await self._ask(_TAKE_DOCUMENT % max_characters)
        if not isinstance(html, str):
            return None
        guessed = not declared and not _DECLARATION.search(html[:4096])
        return undo_windows_1252(html) if guessed else html

    async def _ask(self, expression: str) -> object:
        """Its value in an isolated world, out of the page's reach."""
        self._devtools = self._devtools or await self._page.context.new_cdp_session(self._page)
        tree = await self._devtools.send("Page.getFrameTree")
        world = await self._devtools.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
        answer = await self._devtools.send(
            "Runtime.evaluate",
            {"contextId": world["executionContextId"], "expression": expression, "returnByValue": True},
        )
        return answer["result"].get("value")

    def _note_request(self, request: Request) -> None:
        if self._is_document(request):
            self._heading_for = request.url
            self._redirects = self._redirects + 1 if request.redirected_from else 0

    def _note_response(self, response: Response) -> None:
        if response.status not in REDIRECTS and self._is_document(response.request):
            self._answer = response
            announced = response.headers.get("content-length", "")
            self._announced_bytes = int(announced) if announced.isdigit() else 0
            if self._announced_bytes > self._max_bytes:
                self._broken_off.set()

    def _note_failure(self, request: Request) -> None:
        # Aborted means that the page itself went elsewhere; what never began is told by `goto`.
        if self._answer is not None and self._is_document(request) and "ERR_ABORTED" not in (request.failure or ""):
            self._broken_off.set()

    def _is_document(self, request: Request) -> bool:
        return request.is_navigation_request() and request.frame == self._page.main_frame


async def _load_or_skip(route: Route) -> None:
    from playwright.async_api import Error

    with suppress(Error):  # the visit may have ended meanwhile
        if route.request.resource_type in _NOT_NEEDED:
            await route.abort()
        else:
            await route.continue_()


async def _close_popup(page: Page) -> None:
    from playwright.async_api import Error

    with suppress(Error):
        await page.close()
