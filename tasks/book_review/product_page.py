"""Any shop's product page to book metadata; the reader is chosen by what the page contains, never by its address."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from spine.contracts.books import BookMetadata, Money
from spine.contracts.texts import BibliographicCandidate
from spine.errors import MillraceError, NotABookError
from tasks.book_review.amazon_page import is_amazon, read_amazon
from tasks.book_review.goodreads_page import is_goodreads, read_goodreads
from tasks.book_review.pages.page_barrier import barrier_name, refuse_barrier
from tasks.book_review.pages.page_dates import parse_date
from tasks.book_review.pages.page_isbn import as_isbn_13, bare_isbn, is_valid_isbn, isbns_in_text
from tasks.book_review.pages.page_labels import Fact, fact_of_label, pages_in
from tasks.book_review.pages.page_numbers import currency_of_host, parse_count, parse_money
from tasks.book_review.pages.page_source import Page, read_page
from tasks.book_review.pages.page_structured import structured_book, structured_product
from tasks.book_review.pages.page_text import first_text, fold, node_text

_LABEL_NODES = "dt, th, b, strong, .label, [class*='label' i], [class*='name' i]"
_LONGEST_ROW = 300  # characters; longer ones are running text
_MOST_ROWS = 3_000


def parse_product_page(html: str | bytes, url: str) -> tuple[BookMetadata, str]:
    """The facts and the name of the reader that found them: amazon, goodreads, jsonld, microdata, opengraph,
    citation or markup.

    Raises `CaptchaError` for the block page of any shop and `NotABookError` for a page without a sign of a book.
    """
    page = read_page(html, url)
    refuse_barrier(page)
    if is_amazon(page):
        return read_amazon(page), "amazon"
    if is_goodreads(page):
        return read_goodreads(page), "goodreads"
    return _read_shop(page)


def parse_bibliography(html: str | bytes, url: str) -> BibliographicCandidate:
    """What any page says about one book through structured data; empty when it says nothing. Never raises."""
    page = read_page(html, url)
    metadata = None if barrier_name(page) else _described_book(page)
    if metadata is None:
        return BibliographicCandidate()
    return BibliographicCandidate.model_validate(metadata.model_dump(include=set(BibliographicCandidate.model_fields)))


def _described_book(page: Page) -> BookMetadata | None:
    try:
        if is_amazon(page):
            return read_amazon(page)
        if is_goodreads(page):
            return read_goodreads(page)
    except MillraceError:
        return None
    book = structured_book(page)
    return book.metadata if book is not None else None


def _read_shop(page: Page) -> tuple[BookMetadata, str]:
    """Structured data first; what they leave open is filled from the printed rows of the same book."""
    book = structured_book(page)
    if book is not None and book.metadata.title:
        printed = _printed_book(page, {book.metadata.isbn_13, book.metadata.isbn_10} - {None})
        return _filled(book.metadata, printed), book.source
    printed = _printed_book(page, set())
    if printed is None:
        raise NotABookError(
            f"no sign of a book on {page.url or 'the page'}: looked for Amazon and Goodreads markup, schema.org Book "
            "or Product data with an ISBN, OpenGraph book tags, and a heading with one valid ISBN; give the address "
            "of a book's product page"
        )
    return _filled(structured_product(page) or BookMetadata(), printed), "markup"


def _filled(metadata: BookMetadata, printed: BookMetadata | None) -> BookMetadata:
    if printed is None:
        return metadata
    known = {field: value for field, value in metadata.model_dump().items() if value is not None}
    return BookMetadata.model_validate(printed.model_dump() | known)


def _printed_book(page: Page, known_isbns: set[str | None]) -> BookMetadata | None:
    """Heading and labelled rows, when the page prints exactly one book's ISBN (and it is the known one)."""
    facts = _labelled_facts(page)
    numbers = _printed_isbns(page, facts)
    identities = {as_isbn_13(number) for number in numbers}
    known = {as_isbn_13(number) for number in known_isbns if number and is_valid_isbn(number)}
    title = first_text(page.tree, "h1[itemprop='name']", "h1")
    if not title or len(identities) != 1 or (known and identities != known):
        return None
    return BookMetadata(
        title=title,
        isbn_10=next((number for number in numbers if len(number) == 10), None),
        isbn_13=next((number for number in numbers if len(number) == 13), None),
        price_book=_printed_price(page),
        pages=pages_in(facts.get("pages", "")) or parse_count(facts.get("pages", "")),
        language=facts.get("language"),
        publisher=facts.get("publisher"),
        publication_date=parse_date(facts.get("publication_date", "")),
    )


def _printed_isbns(page: Page, facts: dict[Fact, str]) -> list[str]:
    labelled = [bare_isbn(facts[fact]) for fact in ("isbn_13", "isbn_10", "isbn") if fact in facts]
    valid = [number for number in labelled if number and is_valid_isbn(number)]
    return valid or isbns_in_text(node_text(page.tree.body))


def _labelled_facts(page: Page) -> dict[Fact, str]:
    """The first value of each fact, from definition lists, tables and lists with a marked label."""
    facts: dict[Fact, str] = {}
    for label, value in _rows(page):
        fact = fact_of_label(label)
        if fact is not None and value:
            facts.setdefault(fact, value)
    return facts


def _rows(page: Page) -> Iterator[tuple[str, str]]:
    for node in page.tree.css(_LABEL_NODES)[:_MOST_ROWS]:
        label = node_text(node)
        if label and len(label) < 60 and fact_of_label(label) is not None:
            yield label, _value_beside(node, label)


def _value_beside(label_node: LexborNode, label: str) -> str:
    """The next element in `dt/dd` and `th/td` pairs, else the rest of the row."""
    sibling = label_node.next
    while sibling is not None and not sibling.is_element_node:
        sibling = sibling.next
    if sibling is not None and label_node.tag in ("dt", "th"):
        return node_text(sibling)
    row = node_text(label_node.parent)
    rest = row.removeprefix(label) if row.startswith(label) and len(row) < _LONGEST_ROW else ""
    return rest.strip(" :") or (node_text(sibling) if sibling is not None and fold(label) else "")


def _printed_price(page: Page) -> Money | None:
    local = currency_of_host(page.host)
    for node in page.tree.css("[itemprop='price'], .price, [class*='price' i]")[:50]:
        if money := parse_money(node_text(node), local):
            return money
    return None
