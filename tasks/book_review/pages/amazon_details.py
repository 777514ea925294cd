"""The facts in the detail rows of an Amazon page: tables of 2012–2018, bullets since 2020, the carousel since 2023."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.book_review.pages.page_dates import parse_date
from tasks.book_review.pages.page_isbn import bare_isbn
from tasks.book_review.pages.page_labels import Fact, fact_of_label, pages_in
from tasks.book_review.pages.page_numbers import parse_count
from tasks.book_review.pages.page_text import fold, node_text

DETAIL_CONTAINERS = (
    "#detailBullets_feature_div",
    "#detailBulletsWrapper_feature_div",
    "#productDetailsTable",
    "#detail_bullets_id",
    "#detail-bullets",
    "#productDetails_feature_div",
    "#prodDetails",
    "#audibleProductDetails",
    "#productOverview_feature_div",
    "#isbn_feature_div",
    "td.bucket .content",
)
_LABEL_NODES = "b, strong, .a-text-bold, th, .label"
_PARENTHESES = re.compile(r"[(（]([^()（）]*)[)）]")
_BETWEEN_NUMBERS = re.compile(r"[,;/()（）]")
_CAROUSEL_FACTS: dict[str, Fact] = {
    "publisher": "publisher",
    "publication_date": "publication_date",
    "fiona_pages": "pages",
    "ebook_pages": "pages",
    "pages": "pages",
    "isbn10": "isbn_10",
    "isbn13": "isbn_13",
    "language": "language",
}


@dataclass(frozen=True, slots=True)
class DetailRow:
    """One printed fact: `Taschenbuch : 128 Seiten`."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Imprint:
    """A publisher as Amazon prints it, `Gollancz; 2nd edition (30 Jan. 2020)`, in its parts."""

    name: str | None
    date: str | None


@dataclass(frozen=True, slots=True)
class BookDetails:
    """What the rows say; None where they say nothing."""

    publisher: str | None = None
    publication_date: str | None = None
    language: str | None = None
    pages: int | None = None
    isbn_10: str | None = None
    isbn_13: str | None = None
    asin: str | None = None


def book_details(tree: LexborHTMLParser, asin: str | None, *, month_first: bool = False) -> BookDetails:
    """All facts of the rows. `asin` repairs an ISBN-10 row that prints 13 digits (the ASIN is the ISBN-10)."""
    rows = detail_rows(tree)
    facts = dict(_carousel(tree)) | _facts(rows)
    imprint = split_imprint(facts.get("publisher") or _unlabelled_imprint(rows, month_first), month_first=month_first)
    return BookDetails(
        publisher=imprint.name,
        publication_date=parse_date(facts.get("publication_date", ""), month_first=month_first) or imprint.date,
        language=facts.get("language"),
        pages=_pages(rows, facts),
        isbn_10=_isbn_10(facts, asin),
        isbn_13=_isbn_13(facts),
        asin=facts.get("asin"),
    )


def detail_rows(tree: LexborHTMLParser) -> list[DetailRow]:
    """The rows of every detail container, each once, in page order."""
    rows = (row for node in _row_nodes(tree) if (row := _row(node)) is not None)
    return list(dict.fromkeys(rows))


def split_imprint(text: str | None, *, month_first: bool = False) -> Imprint:
    """The last parenthesis that is a date is the date; the edition stands after `;`."""
    if not text:
        return Imprint(None, None)
    date = None
    for match in reversed(list(_PARENTHESES.finditer(text))):
        if date := parse_date(match[1], month_first=month_first):
            text = text[: match.start()]
            break
    name = re.split(r"\s*[;；]", text, maxsplit=1)[0].strip(" ,;")
    return Imprint(name or None, date)


def _row_nodes(tree: LexborHTMLParser) -> Iterator[LexborNode]:
    for selector in DETAIL_CONTAINERS:
        for container in tree.css(selector):
            yield from container.css("li, tr, .a-row")


def _row(node: LexborNode) -> DetailRow | None:
    """A row has its label first, in bold or in a heading cell, and the value after it."""
    if node.tag == "tr" and len(cells := node.css("th, td")) == 2:
        return DetailRow(fold(node_text(cells[0])), node_text(cells[1]))
    label = node_text(node.css_first(_LABEL_NODES))
    whole = node_text(node)
    if not label or not whole.startswith(label) or len(whole) > 2_000:
        return None
    return DetailRow(fold(label), whole[len(label) :].strip(" :："))


def _facts(rows: Sequence[DetailRow]) -> dict[Fact, str]:
    """The first value of each fact."""
    facts: dict[Fact, str] = {}
    for row in rows:
        fact = fact_of_label(row.label)
        if fact is not None and row.value:
            facts.setdefault(fact, row.value)
    return facts


def _carousel(tree: LexborHTMLParser) -> Iterator[tuple[Fact, str]]:
    """The carousel's ids name the facts in every language."""
    for node in tree.css('[id^="rpi-attribute-"]'):
        fact = _CAROUSEL_FACTS.get((node.id or "").removeprefix("rpi-attribute-").removeprefix("book_details-"))
        value = node_text(node.css_first(".rpi-attribute-value"))
        if fact is not None and value:
            yield fact, value


def _unlabelled_imprint(rows: Sequence[DetailRow], month_first: bool) -> str | None:
    """In a language whose word for publisher is not known, the publisher is what stands before a date."""
    candidates = (row.value for row in rows if fact_of_label(row.label) is None and not pages_in(row.value))
    return next(
        (
            value
            for value in candidates
            if (imprint := split_imprint(value, month_first=month_first)).name
            and imprint.date
            and value.endswith((")", "）"))
        ),
        None,
    )


def _pages(rows: Sequence[DetailRow], facts: dict[Fact, str]) -> int | None:
    """A row whose value is a page count, whatever binding its label names, else the row about pages."""
    counted = next((pages for row in rows if (pages := pages_in(row.value)) is not None), None)
    stated = facts.get("pages")
    return counted if counted is not None or stated is None else parse_count(stated)


def _isbn_10(facts: dict[Fact, str], asin: str | None) -> str | None:
    """As printed; a row that is meant for it and prints 13 digits gives the ASIN, which is the ISBN-10."""
    number = next((number for number in _numbers(facts, "isbn_10", "isbn") if len(number) == 10), None)
    is_misprinted = number is None and any(len(other) == 13 for other in _numbers(facts, "isbn_10"))
    return asin if is_misprinted and asin and bare_isbn(asin) else number


def _isbn_13(facts: dict[Fact, str]) -> str | None:
    """A 13-digit number counts wherever it is printed, its own row first."""
    return next((number for number in _numbers(facts, "isbn_13", "isbn", "isbn_10") if len(number) == 13), None)


def _numbers(facts: dict[Fact, str], *rows: Fact) -> Iterator[str]:
    """The numbers of the rows; one row may print both lengths."""
    for row in rows:
        for printed in _BETWEEN_NUMBERS.split(facts.get(row, "")):
            if number := bare_isbn(printed):
                yield number
