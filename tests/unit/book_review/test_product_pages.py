"""Any shop's page is read by the reader that fits its content, or refused with a clear reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from spine.contracts.texts import BibliographicCandidate
from spine.errors import CaptchaError, NotABookError
from tasks.book_review.product_page import parse_bibliography, parse_product_page

PAGES = Path(__file__).resolve().parents[2] / "fixtures" / "pages"
SOMEWHERE = "http://127.0.0.1:8080/page"

SHOPS = {
    "amazon_de_2018_table": ("amazon", "Die Mühle am Wehr", "9783499003035", 12.9, "EUR"),
    "amazon_us_2012_latin1": ("amazon", "Le Café des Brumes", "9780593001011", 10.88, "USD"),
    "goodreads_next": ("goodreads", "The Glass Orchard", "9780312017170", None, None),
    "goodreads_old": ("goodreads", "Paper Moons", "9780312017170", None, None),
    "shop_jsonld": ("jsonld", "Low Tide", "9780521018180", 12.99, "GBP"),
    "shop_microdata": ("microdata", "Am Deich", "9780521018180", 18.0, "EUR"),
    "shop_opengraph": ("opengraph", "Kites", "9780521018180", None, None),
    "shop_markup": ("markup", "Le Phare", "9780521018180", 18.5, "EUR"),
}


def saved(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()


@pytest.mark.parametrize("name", SHOPS)
def test_the_reader_is_chosen_by_the_content_of_the_page(name: str) -> None:
    metadata, source = parse_product_page(saved(name), SOMEWHERE)
    price = metadata.price_book
    found = (source, metadata.title, metadata.isbn_13, price and price.amount, price and price.currency)
    assert found == SHOPS[name]


def test_structured_data_are_completed_from_the_printed_rows_of_the_same_book() -> None:
    metadata, _ = parse_product_page(saved("shop_jsonld"), SOMEWHERE)
    assert metadata.isbn_10 == "0521018188"
    assert metadata.rating == 4.3  # 8.6 of 10
    assert metadata.description == "Ebb.\n\nFlow."


def json_ld(data: str) -> str:
    return f'<html><body><script type="application/ld+json">{data}</script><h1>T</h1></body></html>'


WRAPPINGS = [
    "//<![CDATA[\n%s\n//]]>",
    "<![CDATA[%s]]>",
    "<!--\n%s\n-->",
    "<!-- %s -->",
    "/*<![CDATA[*/%s/*]]>*/",
    "%s;",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_structured_data_are_read_inside_the_marks_that_hide_them_from_other_readers(wrapping: str) -> None:
    book = '[{"@type": "Book", "name": "Low Tide -->", "isbn": "9780521018180", "author": ["Ruth Bay"]}]'
    metadata, source = parse_product_page(json_ld(wrapping % book), SOMEWHERE)
    assert (source, metadata.title, metadata.authors) == ("jsonld", "Low Tide -->", ["Ruth Bay"])


OFFERS = [
    ("a new copy", '{"price": "9.50", "priceCurrency": "EUR"}', (9.5, None)),
    ("a used copy", '{"price": 2, "priceCurrency": "EUR", "itemCondition": "UsedCondition"}', (None, None)),
    ("sold out", '{"price": 9, "priceCurrency": "EUR", "availability": "https://schema.org/SoldOut"}', (None, None)),
    ("a range", '{"@type": "AggregateOffer", "lowPrice": 3, "highPrice": 9, "priceCurrency": "EUR"}', (None, None)),
    ("one price", '{"@type": "AggregateOffer", "lowPrice": 9, "highPrice": 9, "priceCurrency": "EUR"}', (9.0, None)),
    ("specified", '{"priceSpecification": {"price": "9,90", "priceCurrency": "EUR"}}', (9.9, None)),
    ("an e-book", '{"price": 5, "priceCurrency": "EUR", "category": "EBook"}', (None, 5.0)),
    ("no currency", '{"price": 5}', (None, None)),
]


@pytest.mark.parametrize(("offer", "expected"), [row[1:] for row in OFFERS], ids=[row[0] for row in OFFERS])
def test_only_a_new_and_available_copy_has_a_price(offer: str, expected: tuple[float | None, float | None]) -> None:
    html = json_ld(f'{{"@type": "Book", "name": "T", "offers": {offer}}}')
    metadata, _ = parse_product_page(html, SOMEWHERE)
    prices = (metadata.price_book, metadata.price_ebook)
    assert tuple(price.amount if price else None for price in prices) == expected


NOT_BOOKS = [
    ("an empty page", ""),
    ("a toaster", json_ld('{"@type": "Product", "name": "Toaster", "gtin13": "4006381333931"}')),
    ("an article", json_ld('{"@type": "Article", "headline": "News"}')),
    ("a wrong check digit", "<h1>T</h1><p>ISBN 978-0-521-01818-1</p>"),
    ("a list of books", "<h1>Our list</h1><p>ISBN 9780521018180</p><p>ISBN 9780312017170</p>"),
    ("an address that is gone", '<h1>404</h1><a href="/ref=cs_404_link">Dogs of Amazon</a>'),
]


@pytest.mark.parametrize("html", [row[1] for row in NOT_BOOKS], ids=[row[0] for row in NOT_BOOKS])
def test_a_page_without_a_sign_of_a_book_is_refused_with_what_was_looked_for(html: str) -> None:
    with pytest.raises(NotABookError, match="OpenGraph book tags"):
        parse_product_page(html, SOMEWHERE)


BARRIERS = {
    "cloudflare": "<title>Just a moment...</title><script>window._cf_chl_opt={}</script><div id=challenge-error-text>",
    "datadome": "<script>var dd={'rt':'c'}</script><script src=https://ct.captcha-delivery.com/c.js></script>",
    "aws waf": "<script>window.gokuProps={}</script><div id=challenge-container></div>",
    "perimeterx": "<div id='px-captcha'></div><p>Press and hold to confirm you are a human.</p>",
    "imperva": "<iframe src='/_Incapsula_Resource?x'>Request unsuccessful. Incapsula incident ID: 1</iframe>",
    "akamai": "<title>Access Denied</title><h1>Access Denied</h1>You don't have permission. Reference #18",
    "amazon captcha": "<form action='/errors/validateCaptcha'><input id=captchacharacters></form>",
    "amazon dogs": "<a href='/ref=cs_503_link'></a>Sorry! Something went wrong on our end.",
    "plain captcha": "<h1>Robot check</h1><div class='g-recaptcha'></div>",
}


@pytest.mark.parametrize("name", BARRIERS)
def test_the_block_page_of_any_shop_is_reported_as_blocked(name: str) -> None:
    with pytest.raises(CaptchaError, match="try again later"):
        parse_product_page(f"<html><body>{BARRIERS[name]}</body></html>", "https://shop.example/book")


def test_a_captcha_in_the_review_form_does_not_hide_the_book() -> None:
    page = saved("shop_jsonld").replace(b"</body>", b'<div class="g-recaptcha"></div></body>')
    assert parse_product_page(page, SOMEWHERE)[0].title == "Low Tide"


def test_a_review_gives_the_book_that_it_reviews() -> None:
    html = json_ld(
        '{"@type": "Review", "itemReviewed": {"@type": "Book", "name": "Low Tide", "author": "Ruth Bay",'
        ' "isbn": "978-0521018180"}}'
    )
    assert parse_bibliography(html, SOMEWHERE) == BibliographicCandidate(
        title="Low Tide", authors=["Ruth Bay"], isbn_13="9780521018180"
    )


def test_a_library_page_gives_the_book_of_its_citation_tags() -> None:
    html = """<meta name="citation_title" content="Low Tide"><meta name="citation_author" content="Bay, Ruth">
      <meta name="citation_isbn" content="9780521018180"><meta name="citation_publication_date" content="2021/03/02">"""
    found = parse_bibliography(html, SOMEWHERE)
    assert (found.title, found.authors, found.publication_date) == ("Low Tide", ["Bay, Ruth"], "2021-03-02")


def test_a_goodreads_link_gives_all_of_its_bibliography() -> None:
    found = parse_bibliography(saved("goodreads_old"), SOMEWHERE)
    assert (found.title, found.pages, found.publisher) == ("Paper Moons", 144, "Lunar Gift")


@pytest.mark.parametrize("html", ["", "<p>ISBN 9780521018180</p>", b"\xff\xfe", *BARRIERS.values()])
def test_a_page_that_says_nothing_of_a_book_in_structured_data_gives_an_empty_candidate(html: str | bytes) -> None:
    assert parse_bibliography(html, SOMEWHERE) == BibliographicCandidate()
