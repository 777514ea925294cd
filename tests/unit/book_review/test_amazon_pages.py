"""Amazon pages of all layouts, countries and years say what their truth tables say."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from spine.errors import CaptchaError, NotABookError
from tasks.book_review.amazon_page import parse_amazon_page

PROJECT_ROOT = Path(__file__).resolve().parents[3]
PAGES = PROJECT_ROOT / "tests" / "fixtures" / "pages"
SAVED = PROJECT_ROOT.parent / "shared" / "data" / "amazon"
SOMEWHERE = "http://127.0.0.1:8080/page"


def money(amount: float, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


# Every field that the page states, and no other: what is absent here must be None.
TRUTHS: dict[str, dict[str, Any]] = {
    "amazon_us_2012_latin1": {
        "title": "Le Café des Brumes",
        "authors": ["José Müller"],
        "asin": "059300101X",
        "isbn_10": "059300101X",
        "isbn_13": "9780593001011",
        "price_book": money(10.88, "USD"),
        "price_ebook": money(9.99, "USD"),
        "rating": 4.4,
        "rating_count": 1213,
        "pages": 312,
        "language": "English",
        "publisher": "Lantern & Sons",
        "publication_date": "2012-04-03",
        "cover_image_url": "http://ecx.images-amazon.com/images/I/51cafebrumeL._SL500_AA300_.jpg",
        "description": "A café at the end of a pier.\nNobody leaves — “nobody”.",
    },
    "amazon_us_2017_kindle": {
        "title": "The Salt Ledger (Harbour Book 2)",
        "authors": ["Ida Marsh"],
        "asin": "B00SALTLED",
        "price_ebook": money(7.99, "USD"),
        "rating": 4.0,
        "rating_count": 1010,
        "pages": 264,
        "language": "English",
        "publisher": "Quay Press",
        "publication_date": "2017-06-02",
        "cover_image_url": "https://images-na.ssl-images-amazon.com/images/I/51saltledgr._SY346_.jpg",
        "description": '"Count it."\nThe ledger was wet.',
    },
    "amazon_ca_2018_lists": {
        "title": "Northern Lines",
        "authors": ["Guy Tremblay"],
        "asin": "1771002026",
        "isbn_10": "1771002026",
        "isbn_13": "9781771002028",
        "price_book": money(24.95, "CAD"),
        "price_ebook": money(8.15, "CAD"),
        "rating": 5.0,
        "rating_count": 1,
        "pages": 1024,
        "language": "French",
        "publisher": "Tundra House",
        "publication_date": "2018-03-22",
        "cover_image_url": "https://images-na.ssl-images-amazon.com/images/I/41north.SX258.jpg",
        "description": "Rails and snow.",
    },
    "amazon_de_2018_table": {
        "title": "Die Mühle am Wehr",
        "authors": ["Jörg Weiß"],
        "asin": "3499003031",
        "isbn_10": "3499003031",
        "isbn_13": "9783499003035",
        "price_book": money(12.9, "EUR"),
        "price_ebook": money(8.99, "EUR"),
        "rating": 4.2,
        "rating_count": 1056,
        "pages": 274,
        "language": "Deutsch",
        "publisher": "Flussverlag",
        "publication_date": "2018-02-07",
        "description": "Ein Wehr, ein Müller.",
    },
    "amazon_us_2018_tabs": {
        "title": "Compilers of Sand",
        "authors": ["Ada Quill", "Ben Ohm"],
        "asin": "0139004041",
        "isbn_10": "0139004041",
        "isbn_13": "9780139004049",
        "price_book": money(35.64, "USD"),
        "price_ebook": money(40.49, "USD"),
        "rating": 4.6,
        "rating_count": 621,
        "pages": 272,
        "language": "English",
        "publisher": "Dune Hall",
        "publication_date": "1998-04-01",
        "description": "Sand compiles.\nSlowly.",
    },
    "amazon_jp_2019_shiftjis": {
        "title": "砂の時計",
        "authors": ["山田 花子"],
        "asin": "4150006067",
        "isbn_10": "4150006067",
        "isbn_13": "9784150006068",
        "price_book": money(2750.0, "JPY"),
        "price_ebook": money(1485.0, "JPY"),
        "rating": 4.3,
        "rating_count": 1234,
        "pages": 320,
        "language": "日本語",
        "publisher": "海辺書房",
        "publication_date": "2019-01-05",
        "description": "時計は止まった。",
    },
    "amazon_fr_2020_bullets": {
        "title": "L'Île aux horloges",
        "authors": ["Zoé Lambert"],
        "asin": "2079005057",
        "isbn_10": "2079005057",
        "isbn_13": "9782079005056",
        "price_book": money(1126.25, "EUR"),
        "price_ebook": money(4.99, "EUR"),
        "rating": 4.5,
        "rating_count": 5253,
        "pages": 1200,
        "language": "Français",
        "publisher": "ATALANTE (L')",
        "publication_date": "2013-10-24",
        "description": "Une île.\n\nDes horloges\n\nDu vent",
    },
    "amazon_es_2020_unrated": {
        "title": "La noria",
        "authors": ["Luis Paz"],
        "asin": "8408016164",
        "isbn_10": "8408016164",
        "isbn_13": "9788408016168",
        "language": "Español",
        "publisher": "Rueda",
        "publication_date": "2020-01-04",
        "description": "Gira.",
    },
    "amazon_in_2021_bullets": {
        "title": "Monsoon Atlas",
        "authors": ["Dev Rao"],
        "asin": "9350010100",
        "isbn_10": "9350010100",
        "isbn_13": "9789350010105",
        "price_book": money(123499.0, "INR"),
        "price_ebook": money(399.0, "INR"),
        "rating": 4.4,
        "rating_count": 123456,
        "pages": 640,
        "language": "English",
        "publisher": "Banyan Books",
        "publication_date": "2021-09-01",
        "description": "Rain, mapped.",
    },
    "amazon_it_2023_carousel": {
        "title": "Il faro di Sabbia",
        "authors": ["Lia Conti"],
        "asin": "8806007076",
        "isbn_10": "8806007076",
        "isbn_13": "9788806007072",
        "price_book": money(15.2, "EUR"),
        "price_ebook": money(6.49, "EUR"),
        "rating": 4.7,
        "rating_count": 12345,
        "pages": 304,
        "language": "Italiano",
        "publisher": "Scoglio Edizioni",
        "publication_date": "2023-01-15",
        "cover_image_url": "https://m.media-amazon.com/images/I/91faro._SL1500_.jpg",
        "description": "Un faro.\n\nUna notte.",
    },
    "amazon_mx_2023_bullets": {
        "title": "El último tren",
        "authors": ["Rosa Vega"],
        "asin": "6073009097",
        "isbn_10": "6073009097",
        "isbn_13": "9786073009096",
        "price_book": money(1298.0, "MXN"),
        "price_ebook": money(149.0, "MXN"),
        "rating": 4.1,
        "rating_count": 87,
        "pages": 180,
        "language": "Español",
        "publisher": "Norte",
        "publication_date": "2023-09-01",
        "description": "Un tren.",
    },
    "amazon_br_2024_bullets": {
        "title": "A casa das marés",
        "authors": ["Bruno Sá"],
        "asin": "853500808X",
        "isbn_10": "853500808X",
        "isbn_13": "9788535008081",
        "price_book": money(1045.9, "BRL"),
        "price_ebook": money(29.9, "BRL"),
        "rating": 4.8,
        "rating_count": 1002,
        "pages": 216,
        "language": "Português",
        "publisher": "Maré Alta",
        "publication_date": "2024-03-05",
        "cover_image_url": "https://m.media-amazon.com/images/I/71mares._SY466_.jpg",
        "description": "Marés & memórias.",
    },
    "amazon_nl_2024_bullets": {
        "title": "De stille dijk",
        "authors": ["Jan de Wit"],
        "asin": "9023011112",
        "isbn_10": "9023011112",
        "isbn_13": "9789023011118",
        "price_book": money(22.5, "EUR"),
        "rating": 4.6,
        "rating_count": 1101,
        "pages": 288,
        "language": "Nederlands",
        "publisher": "Dijkhuis",
        "publication_date": "2024-03-12",
        "description": "Water.",
    },
    "amazon_pl_2024_bullets": {
        "title": "Źródło i młyn",
        "authors": ["Łucja Żak"],
        "asin": "8308012124",
        "isbn_10": "8308012124",
        "isbn_13": "9788308012123",
        "price_book": money(1049.9, "PLN"),
        "rating": 4.6,
        "rating_count": 2345,
        "pages": 352,
        "language": "Polski",
        "publisher": "Wodnik",
        "publication_date": "2024-09-03",
        "description": "Młyn nad wodą.",
    },
    "amazon_se_2024_bullets": {
        "title": "Ön bortom isen",
        "authors": ["Åsa Öberg"],
        "asin": "9100013137",
        "isbn_10": "9100013137",
        "isbn_13": "9789100013134",
        "price_book": money(129.0, "SEK"),
        "rating": 4.1,
        "rating_count": 43,
        "pages": 198,
        "language": "Svenska",
        "publisher": "Isfront Förlag",
        "publication_date": "2024-05-05",
        "description": "Is.",
    },
    "amazon_uk_2024_used": {
        "title": "Roots & Bulbs",
        "authors": ["Mat Hollow"],
        "asin": "1849015155",
        "isbn_10": "1849015155",
        "isbn_13": "9781849015158",
        "price_book": money(4.45, "GBP"),
        "rating": 4.4,
        "rating_count": 16,
        "pages": 176,
        "language": "English",
        "publisher": "Peel & Small",
        "publication_date": "2016-04-07",
        "description": "Cook slowly.",
    },
    "amazon_us_2024_kindle_tabs": {
        "title": "Tide Pools",
        "authors": ["Nora Finch"],
        "asin": "B0CTIDEPOO",
        "price_ebook": money(4.99, "USD"),
        "rating": 4.3,
        "rating_count": 98,
        "pages": 202,
        "language": "English",
        "publisher": "Moonrise",
        "publication_date": "2024-07-09",
        "description": "Small seas.\n\nLarge moons.",
    },
    "amazon_tr_2025_bullets": {
        "title": "Rüzgârın Kapısı",
        "authors": ["İpek Çağ"],
        "asin": "9750014146",
        "isbn_10": "9750014146",
        "isbn_13": "9789750014147",
        "price_book": money(245.9, "TRY"),
        "rating": 4.5,
        "rating_count": 321,
        "pages": 144,
        "language": "Türkçe",
        "publisher": "Kapı Yayın",
        "publication_date": "2025-08-05",
        "description": "Rüzgâr.",
    },
}


@pytest.mark.parametrize("name", TRUTHS)
def test_a_page_gives_exactly_the_fields_that_it_states(name: str) -> None:
    metadata = parse_amazon_page((PAGES / f"{name}.html").read_bytes(), SOMEWHERE)
    assert metadata.model_dump(exclude_none=True) == TRUTHS[name]


@pytest.mark.parametrize("name", ["amazon_us_2017_kindle", "amazon_fr_2020_bullets", "amazon_it_2023_carousel"])
def test_text_and_bytes_of_a_page_read_alike(name: str) -> None:
    raw = (PAGES / f"{name}.html").read_bytes()
    assert parse_amazon_page(raw, SOMEWHERE) == parse_amazon_page(raw.decode(), SOMEWHERE)


@pytest.mark.parametrize("name", ["amazon_captcha_2025", "amazon_dogs_503"])
def test_a_captcha_or_error_page_is_reported_as_blocked(name: str) -> None:
    with pytest.raises(CaptchaError, match="block page"):
        parse_amazon_page((PAGES / f"{name}.html").read_bytes(), SOMEWHERE)


def test_a_film_is_not_a_book() -> None:
    with pytest.raises(NotABookError, match=r"Storm Season.*ISBN"):
        parse_amazon_page((PAGES / "amazon_us_2020_dvd.html").read_bytes(), SOMEWHERE)


def test_a_page_without_a_product_says_which_address_is_wanted() -> None:
    with pytest.raises(NotABookError, match="/dp/"):
        parse_amazon_page("<html><body><h1>Search results</h1></body></html>", "https://www.amazon.de/s?k=x")


def product(body: str, *, lang: str = "en-us", host: str = "www.amazon.com") -> str:
    link = f'<link rel="canonical" href="https://{host}/x/dp/0593001013">' if host else ""
    return (
        f'<html lang="{lang}"><head>{link}</head><body><span id="productTitle">A Title</span>'
        f'<input id="ASIN" value="059300101X">{body}</body></html>'
    )


def byline(*people: tuple[str, str]) -> str:
    boxes = "".join(
        f'<span class="author"><a href="/e">{name}</a> <span class="contribution">{role and f"({role})"}</span></span>'
        for name, role in people
    )
    return f'<div id="bylineInfo">{boxes}</div>'


BYLINES = [
    # every role in its own language; only authors stay
    ("two roles", [("A", "Author, Illustrator"), ("B", "Illustrator, Author")], ["A", "B"]),
    ("japanese", [("村上", "著"), ("ルービン", "翻訳"), ("原作者", "原著")], ["村上", "原作者"]),
    ("turkish", [("A", "Yazar"), ("B", "Çevirmen")], ["A"]),
    ("polish", [("A", "Tłumacz"), ("B", "Autor")], ["B"]),
    ("dutch", [("A", "Auteur"), ("B", "Vertaler")], ["A"]),
    ("swedish", [("A", "Författare"), ("B", "Översättare")], ["A"]),
    # a book may have no author at all
    ("anthology", [("A", "Editor"), ("B", "Foreword")], None),
    # no roles, or roles in a language that is not known: the first name's kind counts
    ("no roles", [("A", ""), ("B", "")], ["A", "B"]),
    ("unknown language", [("A", "awdur"), ("B", "cyfieithydd"), ("C", "awdur")], ["A", "C"]),
    ("same name twice", [("A", "Author"), ("A", "Author")], ["A"]),
    ("lower case as printed", [("hermann-hesse", "Author")], ["hermann-hesse"]),
]


@pytest.mark.parametrize(("people", "expected"), [row[1:] for row in BYLINES], ids=[row[0] for row in BYLINES])
def test_only_people_in_the_role_of_author_are_authors(
    people: list[tuple[str, str]], expected: list[str] | None
) -> None:
    assert parse_amazon_page(product(byline(*people)), SOMEWHERE).authors == expected


def offer(text: str) -> str:
    return f'<div id="buyNewSection"><span class="offer-price">{text}</span></div>'


MARKETPLACES = [
    ("www.amazon.com", "en-us", "$12.00", 12.0, "USD"),
    ("www.amazon.ca", "en-ca", "$12.00", 12.0, "CAD"),
    ("www.amazon.ca", "fr-ca", "12,00 $", 12.0, "CAD"),
    ("www.amazon.com.au", "en-au", "$12.00", 12.0, "AUD"),
    ("www.amazon.com.mx", "es-mx", "$1,012.00", 1012.0, "MXN"),
    ("www.amazon.com.br", "pt-br", "R$ 12,00", 12.0, "BRL"),
    ("www.amazon.sg", "en-sg", "S$12.00", 12.0, "SGD"),
    ("www.amazon.co.jp", "ja-jp", "￥1,200", 1200.0, "JPY"),
    ("www.amazon.se", "sv-se", "1 012,00 kr", 1012.0, "SEK"),
    ("www.amazon.com.tr", "tr-tr", "1.012,00 TL", 1012.0, "TRY"),
    ("", "en-ca", "$12.00", 12.0, "CAD"),  # no address: the language tag names the country
    ("", "en", "$12.00", 12.0, "USD"),
]


@pytest.mark.parametrize(("host", "lang", "text", "amount", "currency"), MARKETPLACES)
def test_the_marketplace_decides_what_a_currency_sign_means(
    host: str, lang: str, text: str, amount: float, currency: str
) -> None:
    price = parse_amazon_page(product(offer(text), lang=lang, host=host), SOMEWHERE).price_book
    assert price is not None
    assert (price.amount, price.currency) == (amount, currency)


NO_PRICES = [
    ("a from price", "from $3.00"),
    ("a rent-to-buy range", "$3.00 - $9.00"),
    ("a dash", "—"),
    ("a price in words", "Currently unavailable"),
]


@pytest.mark.parametrize("text", [row[1] for row in NO_PRICES], ids=[row[0] for row in NO_PRICES])
def test_what_is_not_one_price_is_no_price(text: str) -> None:
    assert parse_amazon_page(product(offer(text)), SOMEWHERE).price_book is None


def test_a_used_copy_is_no_new_copy() -> None:
    box = '<div id="usedAccordionRow"><div id="corePrice_feature_div"><span class="a-price">$2.66</span></div></div>'
    assert parse_amazon_page(product(box), SOMEWHERE).price_book is None


def test_the_publisher_keeps_its_parentheses_in_a_language_without_a_known_label() -> None:
    rows = '<div id="detail_bullets_id"><ul><li><b>Cyhoeddwr:</b> Y Wasg (Cymru) (5 May 2019)</li></ul></div>'
    metadata = parse_amazon_page(product(rows), SOMEWHERE)
    assert (metadata.publisher, metadata.publication_date) == ("Y Wasg (Cymru)", "2019-05-05")


SWATCHES = [
    ("one price", "<span>$9.99</span>", 9.99),
    ("a price with points", "<span>$9.99</span> <span>15 pt (1%)</span>", 9.99),
    ("a lower bound", "from $9.99", None),
    ("a lower bound in parts", "<i>from</i> <span>$9.99</span>", None),
    ("a lower bound said after it", "<span>$9.99</span> <i>より</i>", None),
    ("a range in parts", "<span>$9.99</span> - <span>$19.99</span>", None),
]


@pytest.mark.parametrize(("price", "expected"), [row[1:] for row in SWATCHES], ids=[row[0] for row in SWATCHES])
def test_a_format_box_gives_a_price_only_when_it_names_one(price: str, expected: float | None) -> None:
    box = f"""<div id="tmmSwatches"><ul><li class="swatchElement selected"><a class="a-button-text">
      <span>Paperback</span><br>{price}</a></li></ul></div>"""
    money_found = parse_amazon_page(product(box), SOMEWHERE).price_book
    assert (money_found and money_found.amount) == expected


ISBN_ROWS = [
    ("both rows", {"ISBN-10": "059300101X", "ISBN-13": "978-0593001011"}, ("059300101X", "9780593001011")),
    ("13 digits in the row for 10", {"ISBN-10": "9780593001011"}, ("059300101X", "9780593001011")),
    ("both in one row", {"ISBN": "9780593001011, 059300101X"}, ("059300101X", "9780593001011")),
    ("nothing is derived", {"ISBN-13": "978-0593001011"}, (None, "9780593001011")),
]


@pytest.mark.parametrize(("rows", "expected"), [row[1:] for row in ISBN_ROWS], ids=[row[0] for row in ISBN_ROWS])
def test_isbns_are_what_the_rows_print(rows: dict[str, str], expected: tuple[str | None, str | None]) -> None:
    printed = "".join(f"<li><b>{label}:</b> {value}</li>" for label, value in rows.items())
    metadata = parse_amazon_page(product(f'<div id="detail_bullets_id"><ul>{printed}</ul></div>'), SOMEWHERE)
    assert (metadata.isbn_10, metadata.isbn_13) == expected


def test_the_description_is_preferred_to_the_reviews_that_stand_before_it() -> None:
    sections = """<div id="productDescription"><div class="content">
      <h3 class="productDescriptionSource">Review</h3><div class="productDescriptionWrapper">Splendid.</div>
      <h3 class="productDescriptionSource">Product Description</h3>
      <div class="productDescriptionWrapper">A sea story.</div></div></div>"""
    assert parse_amazon_page(product(sections), SOMEWHERE).description == "A sea story."


def truth_names() -> list[str]:
    return [path.name.removesuffix(".truth.json") for path in sorted(SAVED.glob("*.truth.json"))]


@pytest.mark.skipif(not SAVED.is_dir(), reason="the saved pages of public shops are not on this machine")
@pytest.mark.parametrize("name", truth_names() or ["none"])
def test_every_field_of_the_saved_pages_matches_its_truth(name: str) -> None:
    truth = json.loads((SAVED / f"{name}.truth.json").read_text())
    raw = (SAVED / f"{name}.html").read_bytes()
    if truth["kind"] in ("captcha", "nonbook"):
        with pytest.raises(CaptchaError if truth["kind"] == "captcha" else NotABookError):
            parse_amazon_page(raw, SOMEWHERE)
        return
    found = parse_amazon_page(raw, SOMEWHERE).model_dump()
    wrong = {
        field: (found[field], wanted)
        for field, wanted in truth["fields"].items()
        if field not in truth.get("ambiguous", [])
        and _comparable(found[field]) not in (_comparable(wanted), *truth.get("accept", {}).get(field, []))
    }
    assert wrong == {}


def _comparable(value: Any) -> Any:
    return (value["amount"], value["currency"]) if isinstance(value, dict) else value


@pytest.mark.skipif(not SAVED.is_dir(), reason="the saved pages of public shops are not on this machine")
def test_a_page_of_two_megabytes_is_read_well_under_a_third_of_a_second() -> None:
    raw = max((path.read_bytes() for path in SAVED.glob("*.html")), key=len)
    parse_amazon_page(raw, SOMEWHERE)  # month names are loaded once per process
    seconds: list[float] = []
    for _ in range(3):
        started = time.process_time()
        parse_amazon_page(raw, SOMEWHERE)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.3
