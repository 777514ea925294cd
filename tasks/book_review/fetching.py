"""Which way a page is fetched: the browser for product pages, plain HTTP first for every other link."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, Field

from spine.contracts.books import BookMetadata
from spine.contracts.texts import BibliographicCandidate, LinkPage
from spine.errors import (
    CaptchaError,
    ExternalServiceError,
    InvalidInputError,
    MillraceError,
    NotABookError,
    NotConfiguredError,
    RateLimitError,
    TimeLimitError,
)
from spine.ports import FetchedPage, PageFetcher
from spine.services import Services
from tasks.book_review.main_text import extract_main_text
from tasks.book_review.pages.page_barrier import barrier_name
from tasks.book_review.pages.page_source import read_page
from tasks.book_review.product_page import parse_bibliography, parse_product_page

THIN_WORDS = 80
"""A page with less text than this was most likely written by a script: the browser is asked."""

LONGEST_TEXT = 200_000
"""Characters of a page's text that are kept; more would not fit into any prompt or result."""

_BINARY = (
    b"%PDF",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"ID3",
    b"RIFF",
    b"\xd0\xcf\x11\xe0",
)
"""How files begin that some servers send as pages: PDF, PNG, GIF, JPEG, ZIP (and EPUB, DOCX), gzip, MP3, WebP, Word."""

_NO_PAGE = ("application/pdf", "application/epub", "application/zip", "application/vnd.", "image/", "audio/", "video/")
_DATA = frozenset({"application/json", "application/ld+json", "application/msword", "application/rtf", "text/csv"})

REFUSED = frozenset({401, 403, 451})
PASSING = frozenset({408, 425, 429})
"""Error statuses of the 4xx range that may be gone a moment later."""

TROUBLE = (CaptchaError, NotABookError, NotConfiguredError, ExternalServiceError, RateLimitError, TimeLimitError)
"""What another way of fetching may get around. A blocked or giant page is the same by any way."""


class ProductPage(BaseModel):
    """A product page as it was read."""

    metadata: BookMetadata
    source: str = Field(description="which reader understood it: amazon, goodreads, jsonld, …")
    url: str
    fetched_by: str
    notes: list[str] = Field(default_factory=list)


async def read_product(services: Services, url: str) -> ProductPage:
    """The book on a product page, through the browser when there is one, else by plain HTTP.

    Raises `CaptchaError`, `NotABookError`, `InvalidInputError` (the page does not exist), `BlockedUrlError`,
    `PageTooLargeError`, or what kept the shop from answering (`ExternalServiceError`, `TimeLimitError`).
    """
    met: list[MillraceError] = []
    for fetcher in _ways(services.browser, services.pages):
        try:
            page = await fetcher.fetch(url, accept_errors=True)
            product = await asyncio.to_thread(_understand, page, url)
        except TROUBLE as error:
            met.append(error)
            continue
        return product.model_copy(update={"notes": [_met_before(error) for error in met]})
    raise most_telling(met)


async def read_link(services: Services, url: str) -> LinkPage:
    """The main text of a link, and what it says about the book.

    Raises what `read_product` raises, but for `NotABookError`: any page may be linked.
    """
    met: list[MillraceError] = []
    thin: LinkPage | None = None
    for fetcher in _ways(services.pages, services.browser):
        try:
            page = await asyncio.to_thread(_read_text, await fetcher.fetch(url, accept_errors=True), url)
        except TROUBLE as error:
            met.append(error)
            continue
        if len(page.text.split()) >= THIN_WORDS:
            return page
        thin = page if thin is None or len(page.text) > len(thin.text) else thin
    if thin is not None:
        return thin
    raise most_telling(met)


def most_telling(met: Sequence[MillraceError]) -> MillraceError:
    """Of several reasons, the one that says most about the page: a page that is gone or barred before a page that
    could not be understood, before a service that did not answer, before a browser that is not installed."""
    order: list[type[MillraceError]] = [InvalidInputError, CaptchaError, NotABookError, RateLimitError]
    order += [ExternalServiceError, TimeLimitError, MillraceError]
    return min(met, key=lambda error: next(n for n, kind in enumerate(order) if isinstance(error, kind)))


def _ways(*fetchers: PageFetcher | None) -> list[PageFetcher]:
    return [fetcher for fetcher in fetchers if fetcher is not None]


def _understand(page: FetchedPage, url: str) -> ProductPage:
    try:
        metadata, source = parse_product_page(page.content, page.final_url)
    except NotABookError:
        _refuse_error_status(page)
        raise
    return ProductPage(metadata=metadata, source=source, url=url, fetched_by=page.fetched_by)


def _read_text(page: FetchedPage, url: str) -> LinkPage:
    _refuse_what_is_no_page(page)
    if name := barrier_name(read_page(page.content, page.final_url)):
        raise CaptchaError(f"{page.final_url} answered with a block page ({name}) instead of its content.")
    _refuse_error_status(page)
    text = extract_main_text(page.content, page.final_url)
    return LinkPage(
        url=url,
        final_url=page.final_url,
        title=text.title,
        author=text.author,
        date=text.date,
        text=text.text[:LONGEST_TEXT],
        fetched_by=page.fetched_by,
        bibliography=_bibliography(page),
    )


def _refuse_what_is_no_page(page: FetchedPage) -> None:
    """A PDF or a picture is no text, whatever a reader for pages makes of its bytes."""
    declared = page.content_type.partition(";")[0].strip().lower()
    begins = page.content[:8].lstrip()
    if begins.startswith(_BINARY) or declared.startswith(_NO_PAGE) or declared in _DATA:
        kind = declared if declared.startswith(_NO_PAGE) or declared in _DATA else "a file"
        raise InvalidInputError(f"{page.final_url} is {kind}, not a page: give the address of a page about the book.")


def _bibliography(page: FetchedPage) -> BibliographicCandidate:
    return parse_bibliography(page.content, page.final_url)


def _refuse_error_status(page: FetchedPage) -> None:
    """A page that came with an error status and says nothing of a book is an error, not content."""
    said = f"{page.final_url} answered {page.status}"
    if page.status in REFUSED:
        raise CaptchaError(f"{said}: the site does not let us read this page. Give another page about the book.")
    if 400 <= page.status < 500 and page.status not in PASSING:
        raise InvalidInputError(f"{said}: there is no such page to read. Check the address.")
    if page.status >= 400:
        raise ExternalServiceError(f"{said}.", service="the page's server", status=page.status)


def _met_before(error: MillraceError) -> str:
    return f"fetched another way after: {error}"
