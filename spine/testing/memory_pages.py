"""Pages kept in memory: the twin of the real page fetchers, for tests and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from spine.errors import MillraceError, PageTooLargeError
from spine.http_status import status_error
from spine.ports import FetchedPage

MemoryPage = FetchedPage | MillraceError | bytes | str
"""A page; a body for a page with status 200; or the error that fetching it raises."""

PageSource = MemoryPage | Callable[[str], MemoryPage]


class MemoryPages:
    """`spine.ports.PageFetcher` that answers from `pages`, by URL. An unknown URL is HTTP 404.

    `pages` may also be one function for every URL, or hold functions of the URL. `fetched` lists the URLs that were
    asked for, in order; both live as long as the object. The URL guard is not consulted.
    """

    def __init__(
        self, pages: Mapping[str, PageSource] | Callable[[str], MemoryPage] | None = None, *, fetched_by: str = "http"
    ) -> None:
        self._source = pages if callable(pages) else None
        self.pages: dict[str, PageSource] = dict(pages) if pages and not callable(pages) else {}
        self.fetched: list[str] = []
        self._fetched_by = fetched_by

    async def fetch(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        accept_errors: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> FetchedPage:
        self.fetched.append(url)
        page = self._page(url)
        service = urlsplit(url).hostname or url
        error = status_error(page.status, {}, service=service, accept_errors=accept_errors)
        if error is not None:
            raise error
        if len(page.content) > max_bytes:
            raise PageTooLargeError(
                f"The answer of {service} is larger than {max_bytes:,} bytes.", limit_bytes=max_bytes
            )
        return page

    async def close(self) -> None:
        """Nothing is open; the pages stay."""

    def _page(self, url: str) -> FetchedPage:
        source = self._source or self.pages.get(url, FetchedPage(url, url, 404, b"not here", "text/plain"))
        found = source(url) if callable(source) else source
        if isinstance(found, MillraceError):
            raise found
        if isinstance(found, FetchedPage):
            return found
        content = found.encode() if isinstance(found, str) else found
        return FetchedPage(url, url, 200, content, "text/html; charset=utf-8", self._fetched_by)
