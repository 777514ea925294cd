"""Tells a captcha or block page from the page that was asked for."""

from __future__ import annotations

import re

from spine.errors import CaptchaError
from tasks.book_review.pages.page_source import Page
from tasks.book_review.pages.page_text import node_text

# What only a page that stands in front of a shop has in its source, in lower case. Several also run quietly on good
# pages, so a mark counts only on a page with next to nothing to read.
_MARKS: dict[str, tuple[str, ...]] = {
    "Amazon captcha": ("/errors/validatecaptcha", "captchacharacters", "opfcaptcha"),
    "Amazon error page": ("cs_503_l", "api-services-support@amazon.com", "dogs of amazon"),
    "AWS WAF": ("awswafcookiedomainlist", "window.gokuprops", "awswafintegration", ".token.awswaf.com"),
    "Cloudflare": (
        "_cf_chl_opt", "cf-chl-", "cf-browser-verification", "cf-error-details", "/cdn-cgi/challenge-platform/h/",
        "challenge-form", "challenge-running", "challenge-error-text",
    ),
    "DataDome": ("captcha-delivery.com",),
    "PerimeterX": ("px-captcha", "captcha.px-cdn.net", "captcha.px-cloud.net", "_pxblockedurl"),
    "Imperva": ("_incapsula_resource", "incapsula incident id"),
    "Akamai": ("errors.edgesuite.net", "sec-if-cpt-container", "<title>access denied</title>"),
}  # fmt: skip
# Widgets and words that stand on ordinary contact forms and in articles too.
_WEAK_MARKS = (
    "g-recaptcha", "h-captcha", "frc-captcha", "cf-turnstile", 'id="captcha', "unusual traffic from your",
    "<title>robot check", "<title>robot or human", "<title>just a moment", "<title>attention required",
    "<title>are you a human",
)  # fmt: skip
_LONGEST_WEAKLY_MARKED = 600
_PRODUCT_NODES = "#productTitle, #ebooksProductTitle, #btAsinTitle, #bookTitle, [itemtype*='schema.org/']"
_PRODUCT_DATA = re.compile(r'"@type"\s*+:\s*+(?:\[\s*+)?"(?:book|product)"')
_MISSING_PAGE_MARK = "cs_404_l"
_LONGEST_BARRIER = 3_000  # characters of visible text


def refuse_barrier(page: Page) -> None:
    """Raise `CaptchaError` (its message names the barrier) when the page is one; return otherwise."""
    if barrier := barrier_name(page):
        raise CaptchaError(
            f"{page.host or 'the site'} answered with a block page ({barrier}) instead of the content; "
            "open the link in a browser, or try again later or from another address"
        )


def barrier_name(page: Page) -> str | None:
    """The name of the barrier, None for an ordinary page."""
    source = page.source.lower()
    name = next((name for name, marks in _MARKS.items() if any(mark in source for mark in marks)), None)
    weak = name is None and any(mark in source for mark in _WEAK_MARKS)
    if not (name or weak) or _MISSING_PAGE_MARK in source or _describes_a_product(page, source):
        return None
    limit = _LONGEST_BARRIER if name else _LONGEST_WEAKLY_MARKED
    return (name or "captcha") if len(node_text(page.tree.body)) < limit else None


def _describes_a_product(page: Page, source: str) -> bool:
    """A real page may carry a captcha in its review form and little else to read."""
    return page.tree.css_first(_PRODUCT_NODES) is not None or _PRODUCT_DATA.search(source) is not None
