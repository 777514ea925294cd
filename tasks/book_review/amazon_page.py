"""Amazon product pages of any year, marketplace and language to book metadata."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote, urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from spine.contracts.books import BookMetadata
from spine.errors import NotABookError
from tasks.book_review.pages.amazon_byline import authors, contributors, only_authors
from tasks.book_review.pages.amazon_details import BookDetails, book_details
from tasks.book_review.pages.amazon_prices import prices
from tasks.book_review.pages.amazon_ratings import rating, rating_count
from tasks.book_review.pages.page_barrier import refuse_barrier
from tasks.book_review.pages.page_dates import find_date
from tasks.book_review.pages.page_isbn import is_valid_isbn
from tasks.book_review.pages.page_numbers import currency_of_host
from tasks.book_review.pages.page_source import Page, host_of, read_page
from tasks.book_review.pages.page_text import block_text, first_text, fold, html_text, node_text, squeeze

_TITLES = ("#productTitle", "#ebooksProductTitle", "#btAsinTitle", "h1.parseasinTitle")
_FORMAT_IN_OLD_TITLE = re.compile(r"\s*\[[^\[\]]{1,60}\]$")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_ASIN_IN_ADDRESS = re.compile(r"/(?:dp|gp/product|gp/aw/d|exec/obidos/ASIN|o/ASIN)/([A-Z0-9]{10})(?![A-Z0-9])")
_DESCRIPTIONS = (
    "#bookDescription_feature_div .a-expander-content",
    "#bookDescription_feature_div noscript",
    "[id^='drengr_' i][id*='TabbedDescriptionOverviewContent' i]",
    "#bookDescription_feature_div",
    "#iframeContent",
    "#postBodyPS",
    "#productDescription_feature_div .a-expander-content",
)
_REVIEW_SECTION = ".productDescriptionWrapper"
_DESCRIPTION_HEADINGS = ("beschreib", "descri", "presentation", "内容", "omschrijving", "synopsis", "opis")
_LATE_DESCRIPTIONS = (_REVIEW_SECTION, "#productDescription .content", "#productDescription")
_ENCODED_DESCRIPTION = re.compile(r"""bookDescEncodedData\s*=\s*["']([^"']{1,200000})["']""")
_COVERS = (
    "#landingImage, #imgBlkFront, #ebooksImgBlkFront, #main-image, #original-main-image, #prodImage",
    "#imgTagWrapperId img, #img-canvas img.frontImage, #ebooks-img-canvas img, #prodImageCell img",
    "#imageBlock img, #leftCol img",
)
_NO_COVER = re.compile(r"no-img|no-image|transparent-pixel|grey-pixel|sitb-sticker|/G/\d\d/", re.IGNORECASE)
_PRODUCT_GROUP = re.compile(r'"productGroupID"\s*:\s*"([a-z_]+)"')
_BOOK_GROUP = re.compile(r"book|audible|digital_text|kindle")
_DOMAIN_OF_COUNTRY = {"gb": "uk", "us": "com"}
_AMAZON_HOST = re.compile(r"(?:^|\.)amazon\.(?:com?\.)?[a-z]{2,3}$")


def parse_amazon_page(html: str | bytes, url: str) -> BookMetadata:
    """What one page says about its book. Bytes may be in any charset; nothing is fetched.

    Raises `CaptchaError` for a captcha or block page, `NotABookError` for other products and other pages.
    """
    page = read_page(html, url)
    refuse_barrier(page)
    return read_amazon(page)


def is_amazon(page: Page) -> bool:
    """Told by the markup, so that a saved copy on any host is read too."""
    return page.tree.css_first("#productTitle, #ebooksProductTitle, #btAsinTitle, h1.parseasinTitle") is not None and (
        page.tree.css_first(
            "#ASIN, input[name='ASIN'], input[name='ASIN.0'], #dp, #dp-container, #handleBuy, #bylineInfo"
        )
        is not None
        or bool(_AMAZON_HOST.search(marketplace(page)))
    )


def read_amazon(page: Page) -> BookMetadata:
    """As `parse_amazon_page`, for a page that is parsed and known to be no barrier."""
    tree = page.tree
    title = _title(tree)
    if title is None:
        raise NotABookError(
            f"no Amazon product title ({', '.join(_TITLES)}) on {page.url or 'the page'}; "
            "give the address of a product page (…/dp/…)"
        )
    asin = _asin(page)
    month_first = _writes_month_first(page)
    details = book_details(tree, asin, month_first=month_first)
    _require_book(page, title, asin, details)
    offers = prices(tree, currency_of_host(marketplace(page)) or _currency_of_language(tree))
    return BookMetadata(
        title=title,
        authors=authors(tree),
        asin=asin or details.asin,
        isbn_10=details.isbn_10,
        isbn_13=details.isbn_13,
        price_book=offers.book,
        price_ebook=offers.ebook,
        rating=rating(tree, asin),
        rating_count=rating_count(tree, asin),
        pages=details.pages,
        language=details.language,
        publisher=details.publisher,
        publication_date=details.publication_date or _date_beside_title(tree, month_first),
        cover_image_url=_cover(page),
        description=_description(page),
    )


def marketplace(page: Page) -> str:
    """The shop's host: the page's own address, else the one that the page calls canonical, else `""`."""
    if _AMAZON_HOST.search(page.host):
        return page.host
    canonical = page.tree.css_first("link[rel='canonical']")
    linked = [canonical.attributes.get("href") or ""] if canonical is not None else []
    linked += [link.attributes.get("href") or "" for link in page.tree.css("a[href*='://www.amazon.']")[:3]]
    return next((host for href in linked if _AMAZON_HOST.search(host := host_of(href))), "")


def _currency_of_language(tree: LexborHTMLParser) -> str | None:
    """`<html lang="en-ca">` names the country when no address does."""
    root = tree.root
    language = (root.attributes.get("lang") or "").lower() if root is not None else ""
    country = re.match(r"[a-z]{2,3}[-_]([a-z]{2})$", language)
    return currency_of_host("shop." + _DOMAIN_OF_COUNTRY.get(country[1], country[1])) if country else None


def _writes_month_first(page: Page) -> bool:
    return marketplace(page).endswith("amazon.com")


def _title(tree: LexborHTMLParser) -> str | None:
    title = first_text(tree, *_TITLES)
    if tree.css_first("#productTitle, #ebooksProductTitle") is None:
        title = _FORMAT_IN_OLD_TITLE.sub("", title)
    return title or None


def _asin(page: Page) -> str | None:
    fields = page.tree.css("#ASIN, input[name='ASIN'], input[name='ASIN.0']")
    canonical = page.tree.css_first("link[rel='canonical']")
    addresses = [page.url] if canonical is None else [canonical.attributes.get("href") or "", page.url]
    found = [(field.attributes.get("value") or "").strip().upper() for field in fields]
    found += [match[1] for address in addresses if (match := _ASIN_IN_ADDRESS.search(address))]
    return next((asin for asin in found if _ASIN.fullmatch(asin)), None)


def _require_book(page: Page, title: str, asin: str | None, details: BookDetails) -> None:
    if details.isbn_10 or details.isbn_13 or (asin and is_valid_isbn(asin)):
        return
    group = _PRODUCT_GROUP.search(page.source)
    if group is not None:
        is_book = bool(_BOOK_GROUP.search(group[1]))
    else:
        is_book = details.pages is not None or page.tree.css_first("#ebooksProductTitle") is not None
        is_book = is_book or (details.publisher is not None and bool(only_authors(contributors(page.tree))))
    if not is_book:
        raise NotABookError(
            f"“{title}” is another kind of product: looked for an ISBN, a page count, a Kindle title, "
            "and an author with a publisher, and found none"
        )


def _date_beside_title(tree: LexborHTMLParser, month_first: bool) -> str | None:
    subtitles = tree.css("#productSubtitle, #title .a-color-secondary, #binding")
    dates = (find_date(node_text(node), month_first=month_first) for node in subtitles)
    return next((date for date in dates if date), None)


def _description(page: Page) -> str | None:
    for selector in _DESCRIPTIONS:
        for node in page.tree.css(selector):
            if text := _without_prompts(node):
                return text
    if match := _ENCODED_DESCRIPTION.search(page.source):
        return html_text(unquote(match[1])) or None
    late = [node for selector in _LATE_DESCRIPTIONS for node in page.tree.css(selector)]
    # sort keeps the page's order among equals
    late.sort(key=lambda node: not _is_headed_description(node))
    return next((text for node in late if (text := _without_prompts(node))), None)


def _is_headed_description(section: LexborNode) -> bool:
    """The editorial sections of 2012 stand under headings, reviews often before the description."""
    heading = section.prev
    while heading is not None and not heading.is_element_node:
        heading = heading.prev
    return heading is not None and any(word in fold(node_text(heading)) for word in _DESCRIPTION_HEADINGS)


def _without_prompts(node: LexborNode) -> str:
    """The text without the "read more" links that Amazon prints below it."""
    text = block_text(node)
    for prompt in node.css(".a-expander-header, #psPlaceHolder, .a-expander-prompt, #bdSeeAllPrompt, #bdSeeLessPrompt"):
        if words := block_text(prompt):
            text = text.removesuffix(words).rstrip()
    return text


def _cover(page: Page) -> str | None:
    """The largest the shop links to: the zoom image, else the first of the sizes, else the image itself."""
    for selector in _COVERS:
        for image in page.tree.css(selector):
            for address in _image_addresses(image):
                if not address.startswith("data:") and not _NO_COVER.search(address):
                    return _absolute(page.url, address)
    return None


def _image_addresses(image: LexborNode) -> list[str]:
    attributes = image.attributes
    found = [
        attributes.get("data-old-hires"),
        *_dynamic_sizes(attributes.get("data-a-dynamic-image")),
        attributes.get("src"),
    ]
    return [squeeze(address) for address in found if address and address.strip()]


def _dynamic_sizes(text: str | None) -> list[str]:
    try:
        sizes = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return []
    return [str(address) for address in sizes] if isinstance(sizes, dict) else []


def _absolute(base: str, address: str) -> str | None:
    try:
        joined = urljoin(base, address)
    except ValueError:
        return None
    return joined if joined.startswith(("http://", "https://")) else None
