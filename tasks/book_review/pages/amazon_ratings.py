"""Stars and their number on an Amazon page, read only where this very product is rated."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.book_review.pages.amazon_details import DETAIL_CONTAINERS
from tasks.book_review.pages.page_numbers import parse_count, parse_rating
from tasks.book_review.pages.page_text import node_text

_STARS = "#acrPopover[title], .swSprite[title], .a-icon-alt"
_SUMMARY_STARS = "[data-hook='rating-out-of-text']"
_COUNTS = "#acrCustomerReviewText, [data-hook='total-review-count']"
_REVIEW_LINKS = "a[href*='product-reviews'], a[href*='customerReviews'], a[href*='customer-reviews']"


def rating(tree: LexborHTMLParser, asin: str | None) -> float | None:
    """Stars out of five; None on an unrated page, whatever stars its carousels carry."""
    texts = [_spoken(stars) for box in _own_boxes(tree, asin) for stars in box.css(_STARS)]
    texts += [node_text(node) for node in tree.css(_SUMMARY_STARS)[:1]]
    return next((stars for text in texts if (stars := parse_rating(text)) is not None), None)


def rating_count(tree: LexborHTMLParser, asin: str | None) -> int | None:
    """How many people rated; None when nobody did."""
    texts = [node_text(node) for node in tree.css(_COUNTS)]
    for box in _own_boxes(tree, asin):
        texts += [node_text(link) for link in box.css(_REVIEW_LINKS) if link.css_first(_STARS) is None]
    return next((count for text in texts if (count := parse_count(text)) is not None), None)


def _own_boxes(tree: LexborHTMLParser, asin: str | None) -> Iterator[LexborNode]:
    for selector in ("#averageCustomerReviews", ".crAvgStars", *DETAIL_CONTAINERS):
        yield from (box for box in tree.css(selector) if _rates(box, asin))


def _rates(box: LexborNode, asin: str | None) -> bool:
    """Boxes of other products carry those products' numbers."""
    summary = box.css_first(".asinReviewsSummary[name]")
    named = box.attributes.get("data-asin") or (summary.attributes.get("name") if summary is not None else None)
    return not (named and asin) or named == asin


def _spoken(stars: LexborNode) -> str:
    return stars.attributes.get("title") or node_text(stars)
