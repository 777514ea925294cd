"""What a page says about a book in structured data: JSON-LD, microdata, OpenGraph and citation tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import extruct

from spine.contracts.books import BookMetadata, Money
from tasks.book_review.pages.json_ld_scripts import with_bare_json_ld
from tasks.book_review.pages.page_dates import parse_date
from tasks.book_review.pages.page_isbn import bare_isbn, is_valid_isbn
from tasks.book_review.pages.page_numbers import currency_of_host, find_money, parse_amount, parse_count
from tasks.book_review.pages.page_source import Page
from tasks.book_review.pages.page_text import html_text, squeeze

_Json = Mapping[str, Any]
_SOURCES = {"json-ld": "jsonld", "microdata": "microdata", "opengraph": "opengraph"}
_BOOK_TYPES = frozenset({"book", "audiobook", "ebook", "books.book", "bookseries"})
_PRODUCT_TYPES = frozenset({"product", "individualproduct", "productmodel", "creativework"})
_EBOOK_FORMATS = ("ebook", "epub", "kindle", "digital")
_GONE = ("outofstock", "soldout", "discontinued")
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class StructuredBook:
    """A book found in structured data, and by which of the syntaxes."""

    source: str  # jsonld | microdata | opengraph | citation
    metadata: BookMetadata
    is_typed_book: bool  # the page itself calls it a book


def structured_book(page: Page) -> StructuredBook | None:
    """The best described book of the page; a product counts as one when its number is a valid ISBN."""
    found = [book for source, node in _nodes(page) if (book := _as_book(source, node, page)) is not None]
    found += [book for book in (_cited_book(page),) if book is not None]
    if not found:
        return None
    # max keeps the first of equals: JSON-LD before microdata before OpenGraph, outer nodes before inner ones.
    best = max(found, key=lambda book: (book.is_typed_book and book.metadata.title is not None, _isbn_count(book)))
    return StructuredBook(best.source, _completed(best, found), best.is_typed_book)


def structured_product(page: Page) -> BookMetadata | None:
    """The first product of the page, whether or not its data say that it is a book."""
    for source, node in _nodes(page):
        if _types(node) & _PRODUCT_TYPES and (metadata := _metadata(source, node, page)).title:
            return metadata
    return None


def _completed(best: StructuredBook, found: list[StructuredBook]) -> BookMetadata:
    """The same book is often described twice, as Book and as Product with the offer: gaps are filled."""
    values = best.metadata.model_dump()
    for other in found:
        if _same_book(best.metadata, other.metadata):
            values |= {field: value for field, value in other.metadata.model_dump().items() if values[field] is None}
    return BookMetadata.model_validate(values)


def _same_book(one: BookMetadata, other: BookMetadata) -> bool:
    if one.isbn_13 and other.isbn_13:
        return one.isbn_13 == other.isbn_13
    return bool(one.title and other.title) and str(one.title).casefold() == str(other.title).casefold()


def _isbn_count(book: StructuredBook) -> int:
    return sum(number is not None for number in (book.metadata.isbn_10, book.metadata.isbn_13))


def _nodes(page: Page) -> Iterator[tuple[str, _Json]]:
    for syntax, documents in _extracted(page).items():
        for document in documents:
            for node in _objects(document):
                yield _SOURCES[syntax], node


def _extracted(page: Page) -> dict[str, list[Any]]:
    """Everything extruct finds; nothing on a page too damaged for its parsers."""
    try:
        found = extruct.extract(
            with_bare_json_ld(page.source),
            base_url=page.url or None,
            syntaxes=list(_SOURCES),
            uniform=True,
            errors="ignore",
        )
    except Exception:  # the page is foreign input and four parsers deep: any failure of theirs means no data
        return {}
    return {syntax: cast("list[Any]", found.get(syntax) or []) for syntax in _SOURCES}


def _objects(value: object, depth: int = 0) -> Iterator[_Json]:
    """Every typed object, outer ones first, so that `@graph`, `mainEntity` or `itemReviewed` need no names here."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        node = cast("_Json", value)
        if "@type" in node:
            yield node
        for inner in node.values():
            yield from _objects(inner, depth + 1)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _objects(inner, depth + 1)


def _as_book(source: str, node: _Json, page: Page) -> StructuredBook | None:
    types = _types(node)
    if not types & (_BOOK_TYPES | _PRODUCT_TYPES) and not (source == "opengraph" and _first(node, "book:isbn")):
        return None
    metadata = _metadata(source, node, page)
    number = metadata.isbn_13 or metadata.isbn_10
    is_typed = bool(types & _BOOK_TYPES)
    if not is_typed and not (number and is_valid_isbn(number)):
        return None
    if metadata.title is None and number is None:
        return None
    return StructuredBook(source, metadata, is_typed)


def _types(node: _Json) -> frozenset[str]:
    names = (str(name) for name in _list(node.get("@type")))
    return frozenset(name.rstrip("/").rpartition("/")[2].rpartition(":")[2].lower() for name in names)


def _metadata(source: str, node: _Json, page: Page) -> BookMetadata:
    return _open_graph(node, page) if source == "opengraph" else _schema_org(node, page)


def _schema_org(node: _Json, page: Page) -> BookMetadata:
    numbers = [
        bare_isbn(text) for key in ("isbn", "gtin13", "gtin", "productID", "sku", "mpn") for text in _texts(node, key)
    ]
    rating, rating_count = _rating(node)
    book, ebook = _offer_prices(node, page)
    return BookMetadata(
        title=_name(node),
        authors=_names(node.get("author")),
        isbn_10=next((number for number in numbers if number and len(number) == 10), None),
        isbn_13=next((number for number in numbers if number and number.startswith(("978", "979"))), None),
        price_book=book,
        price_ebook=ebook,
        rating=rating,
        rating_count=rating_count,
        pages=parse_count(_first(node, "numberOfPages")),
        language=next(iter(_names(node.get("inLanguage")) or []), None),
        publisher=next(iter(_names(node.get("publisher")) or []), None),
        publication_date=parse_date(_first(node, "datePublished")),
        cover_image_url=_address(node.get("image")),
        description=html_text(_first(node, "description")) or None,
    )


def _open_graph(node: _Json, page: Page) -> BookMetadata:
    number = bare_isbn(_first(node, "book:isbn") or _first(node, "books:isbn"))
    currency = _first(node, "product:price:currency") or _first(node, "og:price:currency")
    amount = _first(node, "product:price:amount") or _first(node, "og:price:amount")
    people = [name for name in _texts(node, "book:author") if not name.startswith(("http:", "https:"))]
    return BookMetadata(
        title=squeeze(_first(node, "og:title")) or None,
        authors=people or None,
        isbn_10=number if number and len(number) == 10 else None,
        isbn_13=number if number and len(number) == 13 else None,
        price_book=parse_amount(amount, currency or currency_of_host(page.host) or "") if amount else None,
        publication_date=parse_date(_first(node, "book:release_date")),
        cover_image_url=_address(node.get("og:image")),
        description=squeeze(_first(node, "og:description")) or None,
    )


def _cited_book(page: Page) -> StructuredBook | None:
    """The tags by which libraries and university presses describe a book to search engines."""
    tags: dict[str, list[str]] = {}
    for tag in page.tree.css("meta[name^='citation_' i]"):
        tags.setdefault((tag.attributes.get("name") or "").lower(), []).append(
            squeeze(tag.attributes.get("content") or "")
        )
    numbers = [bare_isbn(text) for text in tags.get("citation_isbn", [])]
    title = next(iter(tags.get("citation_book_title", []) or tags.get("citation_title", [])), None)
    if not title or not any(numbers):
        return None
    metadata = BookMetadata(
        title=title,
        authors=tags.get("citation_author"),
        isbn_10=next((number for number in numbers if number and len(number) == 10), None),
        isbn_13=next((number for number in numbers if number and len(number) == 13), None),
        publisher=next(iter(tags.get("citation_publisher", [])), None),
        publication_date=parse_date(next(iter(tags.get("citation_publication_date", [])), "")),
        language=next(iter(tags.get("citation_language", [])), None),
    )
    return StructuredBook("citation", metadata, is_typed_book=True)


def _rating(node: _Json) -> tuple[float | None, int | None]:
    """Brought to a scale of five, which is schema.org's own when the page names none."""
    aggregate = next((_object(item) for item in _list(node.get("aggregateRating"))), {})
    value, best = _number(aggregate, "ratingValue"), _number(aggregate, "bestRating") or 5.0
    count = parse_count(_first(aggregate, "ratingCount") or _first(aggregate, "reviewCount"))
    if value is None or not 0 <= value <= best:
        return None, count or None
    return (value if best == 5 else round(value * 5 / best, 2)), count or None


def _offer_prices(node: _Json, page: Page) -> tuple[Money | None, Money | None]:
    """First new, available price of the printed book and of the electronic one."""
    prices: dict[bool, Money] = {}
    for offer in map(_object, _list(node.get("offers"))):
        money = _offer_price(offer, page)
        if money is not None:
            form = " ".join(
                [
                    _first(node, "bookFormat"),
                    _first(offer, "category"),
                    *_texts(_object(offer.get("itemOffered")), "bookFormat"),
                ]
            )
            prices.setdefault(any(word in form.lower() for word in _EBOOK_FORMATS), money)
    return prices.get(False), prices.get(True)


def _offer_price(offer: _Json, page: Page) -> Money | None:
    """None for used copies, for what is gone, and for the lower end of a range."""
    if "used" in _first(offer, "itemCondition").lower() or any(
        word in _first(offer, "availability").lower() for word in _GONE
    ):
        return None
    specification = next((_object(item) for item in _list(offer.get("priceSpecification"))), {})
    price = _first(offer, "price") or _first(specification, "price")
    if not price and _first(offer, "lowPrice") == _first(offer, "highPrice"):
        price = _first(offer, "lowPrice")
    currency = _first(offer, "priceCurrency") or _first(specification, "priceCurrency")
    local = currency_of_host(page.host)
    if not price:
        return None
    printed = find_money(price, currency or local)
    return printed[0] if printed else parse_amount(price, currency or local or "")


def _name(node: _Json) -> str | None:
    return squeeze(html_text(_first(node, "name") or _first(node, "headline"))) or None


def _names(value: object) -> list[str] | None:
    """Names of people, firms and languages, given as text or as objects."""
    told = [_first(_object(item), "name") if isinstance(item, dict) else item for item in _list(value)]
    names = [name for name in told if isinstance(name, str) and not name.startswith(("http:", "https:"))]
    kept = [squeeze(html_text(name)) for name in names]
    return list(dict.fromkeys(name for name in kept if name)) or None


def _address(value: object) -> str | None:
    for item in _list(value):
        image = _object(item)
        address = (_first(image, "url") or _first(image, "contentUrl")) if image else str(item)
        if address.startswith(("http://", "https://")):
            return address
    return None


def _texts(node: _Json, key: str) -> list[str]:
    return [
        str(item) for item in _list(node.get(key)) if isinstance(item, str | int | float) and not isinstance(item, bool)
    ]


def _first(node: _Json, key: str) -> str:
    return next(iter(_texts(node, key)), "")


def _number(node: _Json, key: str) -> float | None:
    try:
        return float(_first(node, key).replace(",", "."))
    except ValueError:
        return None


def _object(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return cast("list[object]", value) if isinstance(value, list) else [value]
