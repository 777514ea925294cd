"""Goodreads book pages, the old layout and the new one, to book metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from selectolax.lexbor import LexborHTMLParser, LexborNode

from spine.contracts.books import BookMetadata
from spine.errors import NotABookError
from tasks.book_review.pages.page_barrier import refuse_barrier
from tasks.book_review.pages.page_dates import parse_date
from tasks.book_review.pages.page_isbn import bare_isbn
from tasks.book_review.pages.page_labels import is_author_role, pages_in
from tasks.book_review.pages.page_numbers import parse_count, parse_rating
from tasks.book_review.pages.page_source import Page, read_page
from tasks.book_review.pages.page_text import block_text, first_text, html_text, node_text, squeeze

_Json = Mapping[str, Any]
_PUBLISHED = re.compile(
    r"(?:Published|Expected publication:?)\s+(.{4,40}?)(?:\s+by\s+(.+?))?\s*(?:\(first published.*)?$"
)
_FIRST_PUBLISHED = re.compile(r"(?:First published|Expected publication|Published)\s+(.{4,40})$")
_NOT_ROLES = frozenset({"", "goodreads author"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_goodreads_page(html: str | bytes, url: str) -> BookMetadata:
    """What one page says about its book; prices are not Goodreads' own and stay None.

    Raises `CaptchaError` for a block page and `NotABookError` for any other page than a book's.
    """
    page = read_page(html, url)
    refuse_barrier(page)
    return read_goodreads(page)


def is_goodreads(page: Page) -> bool:
    """Told by the markup, so that a saved copy on any host is read too."""
    old = page.tree.css_first("h1#bookTitle") is not None and page.tree.css_first("#bookMeta, #bookAuthors") is not None
    new = page.tree.css_first("[data-testid='bookTitle']") is not None and "goodreads" in page.source
    return old or new or _edition(page.tree) is not None


def read_goodreads(page: Page) -> BookMetadata:
    """As `parse_goodreads_page`, for a page that is parsed and known to be no barrier."""
    from_state = _edition(page.tree)
    metadata = _new_layout(*from_state) if from_state else _printed_layout(page.tree)
    if metadata.title is None:
        raise NotABookError(
            f"no Goodreads book on {page.url or 'the page'}: looked for the book in the page's data and for "
            "a book title; give the address of a book page (…/book/show/…)"
        )
    return metadata


# --- new layout: the state that the page was rendered from ---


def _edition(tree: LexborHTMLParser) -> tuple[_Json, _Json] | None:
    """The state and the book that the page is about; other editions and books in the state are not it."""
    script = tree.css_first("script#__NEXT_DATA__")
    if script is None:
        return None
    try:
        data: Any = json.loads(script.text())
    except (ValueError, RecursionError):
        return None
    properties = _object(_object(_object(data).get("props")).get("pageProps"))
    state = _object(properties.get("apolloState"))
    book = _book_asked_for(state) or _only_complete_book(state)
    return (state, book) if book else None


def _book_asked_for(state: _Json) -> _Json:
    for query, answer in _object(state.get("ROOT_QUERY")).items():
        if query.startswith("getBookBy") and (book := _follow(state, answer)).get("title"):
            return book
    return {}


def _only_complete_book(state: _Json) -> _Json:
    books = (_object(value) for key, value in state.items() if key.startswith("Book:"))
    return next((book for book in books if book.get("title") and book.get("details")), {})


def _new_layout(state: _Json, book: _Json) -> BookMetadata:
    details = _object(book.get("details"))
    statistics = _object(_follow(state, book.get("work")).get("stats"))
    work_details = _object(_follow(state, book.get("work")).get("details"))
    return BookMetadata(
        title=_text(book.get("title")),
        authors=list(dict.fromkeys(_credited_authors(state, book))) or None,
        asin=_text(details.get("asin")),
        isbn_10=_isbn(details.get("isbn"), 10),
        isbn_13=_isbn(details.get("isbn13"), 13),
        rating=parse_rating(str(statistics.get("averageRating") or "")),
        rating_count=_whole(statistics.get("ratingsCount")),
        pages=_whole(details.get("numPages")),
        language=_text(_object(details.get("language")).get("name")),
        publisher=_text(details.get("publisher")),
        publication_date=_day(details.get("publicationTime")) or _day(work_details.get("publicationTime")),
        cover_image_url=_text(book.get("imageUrl")),
        description=html_text(str(book.get("description") or "")) or None,
    )


def _credited_authors(state: _Json, book: _Json) -> Iterator[str]:
    secondary = book.get("secondaryContributorEdges")
    edges = [
        book.get("primaryContributorEdge"),
        *(cast("list[object]", secondary) if isinstance(secondary, list) else []),
    ]
    for edge in map(_object, edges):
        name = _text(_follow(state, edge.get("node")).get("name"))
        if name and is_author_role(str(edge.get("role") or "Author")):
            yield name


def _follow(state: _Json, reference: object) -> _Json:
    """The object itself, or the one that `{"__ref": key}` names."""
    target = _object(reference)
    return _object(state.get(str(target["__ref"]))) if "__ref" in target else target


def _object(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return (squeeze(value) or None) if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _day(milliseconds: object) -> str | None:
    """Goodreads counts from 1970, back to antiquity too."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).date().isoformat()
    except (OverflowError, ValueError):
        return None


# --- what is printed: the old layout, and the new one without its state ---


def _printed_layout(tree: LexborHTMLParser) -> BookMetadata:
    date, publisher = _publication(tree)
    stated_isbn = _info_row(tree, "ISBN")
    return BookMetadata(
        title=first_text(tree, "h1#bookTitle", "[data-testid='bookTitle']") or None,
        authors=list(dict.fromkeys(_printed_authors(tree))) or None,
        asin=_info_row(tree, "ASIN") or None,
        isbn_10=_isbn(stated_isbn.split("(")[0], 10),
        isbn_13=_isbn(first_text(tree, "[itemprop='isbn']") or _info_row(tree, "ISBN13"), 13),
        rating=parse_rating(first_text(tree, "[itemprop='ratingValue']", ".RatingStatistics__rating")),
        rating_count=_rating_count(tree),
        pages=pages_in(first_text(tree, "[itemprop='numberOfPages']", "[data-testid='pagesFormat']")),
        language=first_text(tree, "[itemprop='inLanguage']") or _info_row(tree, "Edition Language") or None,
        publisher=publisher,
        publication_date=date,
        cover_image_url=_cover(tree),
        description=_description(tree),
    )


def _printed_authors(tree: LexborHTMLParser) -> Iterator[str]:
    for person in tree.css("#bookAuthors .authorName__container"):
        name = first_text(person, "[itemprop='name']", ".authorName")
        if name and _is_author(first_text(person, ".role", ".greyText")):
            yield name
    for person in tree.css(".BookPageMetadataSection__contributor .ContributorLink"):
        name = node_text(person.css_first("[data-testid='name']"))
        if name and _is_author(node_text(person.css_first("[data-testid='role']"))):
            yield name


def _is_author(role: str) -> bool:
    """No role is the author's; "Goodreads Author" is a badge."""
    bare = role.strip("() ")
    return bare.casefold() in _NOT_ROLES or is_author_role(bare)


def _rating_count(tree: LexborHTMLParser) -> int | None:
    counted = tree.css_first("meta[itemprop='ratingCount']")
    if counted is not None:
        return parse_count(counted.attributes.get("content") or "")
    return parse_count(first_text(tree, "[data-testid='ratingsCount']"))


def _publication(tree: LexborHTMLParser) -> tuple[str | None, str | None]:
    """`Published November 19th 2019 by Morrow Gift (first published …)` as date and publisher."""
    for row in tree.css("#details .row"):
        if match := _PUBLISHED.match(node_text(row)):
            return parse_date(match[1], month_first=True), (match[2] or "").strip() or None
    match = _FIRST_PUBLISHED.match(first_text(tree, "[data-testid='publicationInfo']"))
    return (parse_date(match[1], month_first=True), None) if match else (None, None)


def _info_row(tree: LexborHTMLParser, label: str) -> str:
    for title in tree.css(".infoBoxRowTitle"):
        if node_text(title) == label and (row := title.parent) is not None:
            return node_text(row.css_first(".infoBoxRowItem"))
    return ""


def _isbn(value: object, length: int) -> str | None:
    number = bare_isbn(value) if isinstance(value, str) else None
    return number if number and len(number) == length else None


def _cover(tree: LexborHTMLParser) -> str | None:
    for image in tree.css("img#coverImage, .BookCover__image img, .BookCover img"):
        address = (image.attributes.get("src") or "").strip()
        if address.startswith(("http://", "https://")):
            return address
    return None


def _description(tree: LexborHTMLParser) -> str | None:
    """The old page has the text twice, first cut short and then whole in a hidden span."""
    spans: list[LexborNode] = tree.css("#description span[id^='freeText']")
    texts = [block_text(span) for span in spans] or [
        block_text(tree.css_first("[data-testid='description'] .Formatted"))
    ]
    return max(texts, key=len) or None
