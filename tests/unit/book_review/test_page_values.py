"""Dates, prices, ratings, counts and page numbers in the forms of all shops."""

from __future__ import annotations

import pytest

from tasks.book_review.pages.page_dates import find_date, parse_date
from tasks.book_review.pages.page_isbn import bare_isbn, isbns_in_text
from tasks.book_review.pages.page_labels import fact_of_label, pages_in
from tasks.book_review.pages.page_numbers import currency_of_host, find_money, parse_count, parse_money, parse_rating
from tasks.book_review.pages.page_source import decode_page
from tasks.book_review.pages.page_text import squeeze

DATES = {
    "April 1, 1988": "1988-04-01",
    "March 22 1988": "1988-03-22",
    "30 Jan. 2020": "2020-01-30",
    "November 19th 2019": "2019-11-19",
    "Sept. 2001": "2001-09",
    "7. Februar 2000": "2000-02-07",
    "3. Mrz. 2011": "2011-03-03",
    "1er janvier 2020": "2020-01-01",
    "24 août 2013": "2013-08-24",
    "14 de junio de 2023": "2023-06-14",
    "1º de enero de 2020": "2020-01-01",
    "15 gennaio 2019": "2019-01-15",
    "5 de março de 2019": "2019-03-05",
    "12 mrt. 2019": "2019-03-12",
    "3 września 2018": "2018-09-03",
    "30 listopada 2018": "2018-11-30",
    "5 maj 2020": "2020-05-05",
    "5 Ağustos 2019": "2019-08-05",
    "2019/1/5": "2019-01-05",
    "2019年1月5日": "2019-01-05",
    "2019年1月": "2019-01",
    "２０１９/１/５": "2019-01-05",
    "05.03.2019": "2019-03-05",
    "03/2019": "2019-03",
    "2019-03-05T00:00:00Z": "2019-03-05",
    "2013": "2013",
    # not dates, or not whole ones
    "L'": None,
    "2nd edition": None,
    "February 30, 2020": None,
    "1. Mai": None,
    "Penguin 5 May 2019": None,
    "0000-00-00": None,
    "": None,
}


@pytest.mark.parametrize("text", DATES)
def test_a_date_becomes_iso_and_stays_as_exact_as_it_was(text: str) -> None:
    assert parse_date(text) == DATES[text]


@pytest.mark.parametrize(
    ("text", "month_first", "expected"),
    [("4/5/2020", False, "2020-05-04"), ("4/5/2020", True, "2020-04-05"), ("4/25/2020", False, "2020-04-25")],
)
def test_the_country_decides_which_number_is_the_month(text: str, month_first: bool, expected: str) -> None:
    assert parse_date(text, month_first=month_first) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Broché – Illustré, 4 janvier 2019", "2019-01-04"),
        ("Hardcover – April 1, 1988", "1988-04-01"),
        ("Paperback – Import", None),
    ],
)
def test_the_date_at_the_end_of_a_subtitle_is_found(text: str, expected: str | None) -> None:
    assert find_date(text) == expected


PRICES = {
    "EUR 39,43": (39.43, "EUR"),
    "8,00 €": (8.0, "EUR"),
    "1.234,56 €": (1234.56, "EUR"),
    "1\u202f234,56\u00a0€": (1234.56, "EUR"),
    "CDN$ 28.00": (28.0, "CAD"),
    "US$12.34": (12.34, "USD"),
    "R$ 45,90": (45.9, "BRL"),
    "￥1,650": (1650.0, "JPY"),
    "1,650円": (1650.0, "JPY"),
    "₹1,23,456.00": (123456.0, "INR"),
    "12 345,67 zł": (12345.67, "PLN"),
    "249 kr": (249.0, "SEK"),
    "45,90TL": (45.9, "TRY"),
    "£4.45": (4.45, "GBP"),
    "AED 50": (50.0, "AED"),
    "from £4.45": None,
    "£4.45 - £9": None,
    "4.45": None,
    "krabbe 5": None,
}


@pytest.mark.parametrize("text", PRICES)
def test_a_text_that_is_one_price_gives_its_amount_and_currency(text: str) -> None:
    money = parse_money(text)
    assert (money and (money.amount, money.currency)) == PRICES[text]


def test_all_prices_of_a_sentence_are_found_in_order() -> None:
    assert [money.amount for money in find_money("0,00 € mit Unlimited, oder für 0,99 € kaufen")] == [0.0, 0.99]


@pytest.mark.parametrize(
    ("host", "currency"),
    [
        ("www.amazon.com", "USD"), ("www.amazon.com.mx", "MXN"), ("www.amazon.co.uk", "GBP"), ("shop.no", "NOK"),
        ("127.0.0.1", None), ("localhost", None), ("shop.example", None), ("", None),
    ],
)  # fmt: skip
def test_a_host_names_the_currency_of_its_country(host: str, currency: str | None) -> None:
    assert currency_of_host(host) == currency


RATINGS = {
    "4.2 von 5 Sternen": 4.2,
    "4,5 sur 5 étoiles": 4.5,
    "4.3 4.3 out of 5 stars": 4.3,
    "5つ星のうち4.3": 4.3,
    "5 yıldız üzerinden 4,5": 4.5,
    "4,6 na 5 gwiazdek": 4.6,
    "5.0 out of 5": 5.0,
    "5 sur 5": 5.0,
    "4.6": 4.6,
    "98 %": None,
    "no stars": None,
}


@pytest.mark.parametrize("text", RATINGS)
def test_stars_are_read_in_whatever_order_the_language_puts_them(text: str) -> None:
    assert parse_rating(text) == RATINGS[text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.436 Sternebewertungen", 5436), ("5,253", 5253), ("5\u202f253 évaluations", 5253), ("(98)", 98),
        ("1,23,456 ratings", 123456), ("1,234件のレビュー", 1234), ("none yet", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_a_count_is_read_whatever_separates_its_thousands(text: str, expected: int | None) -> None:
    assert parse_count(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("288 pages", 288), ("1.034 Seiten", 1034), ("200 páginas", 200), ("320ページ", 320), ("352 str.", 352),
        ("288 pagina's", 288), ("144 sayfa", 144), ("198 sidor", 198), ("17,5 x 2,3 cm", None), ("567 g", None),
    ],
)  # fmt: skip
def test_a_value_that_counts_pages_is_known_in_every_language(text: str, expected: int | None) -> None:
    assert pages_in(text) == expected


@pytest.mark.parametrize(
    ("label", "fact"),
    [
        ("Herausgeber \u200f : \u200e", "publisher"), ("ÉDITEUR", "publisher"), ("Editor", "publisher"),
        ("出版社", "publisher"), ("Data da publicação", "publication_date"), ("Yayınlanma Tarihi", "publication_date"),
        ("発売日：", "publication_date"), ("Taal", "language"), ("Język", "language"), ("Lunghezza stampa", "pages"),
        ("ISBN-10", "isbn_10"), ("Page Numbers Source ISBN", None), ("Sold by", None), ("Label", None),
    ],
)  # fmt: skip
def test_a_label_is_known_in_every_language(label: str, fact: str | None) -> None:
    assert fact_of_label(label) == fact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("978-0521018180", "9780521018180"), ("0-593-00101-X", "059300101X"), ("059300101x", "059300101X"),
        ("12345", None), ("97805210181801", None),
    ],
)  # fmt: skip
def test_an_isbn_is_kept_without_hyphens_when_it_has_a_length_of_one(text: str, expected: str | None) -> None:
    assert bare_isbn(text) == expected


def test_isbns_in_running_text_count_once_and_only_with_their_check_digit() -> None:
    text = "ISBN: 978-0-521-01818-0 (ISBN-13 9780521018180), ISBN 9780521018181, Tel. 0521018188"
    assert isbns_in_text(text) == ["9780521018180"]


ENCODINGS = [
    ("utf-8 without a declaration", "né ü".encode(), "né ü"),
    ("utf-8 that declares latin-1", b'<meta charset="iso-8859-1">' + "né".encode(), "né"),
    ("latin-1 that declares it", b'<meta charset="iso-8859-1">n\xe9', "né"),
    ("windows quotes in latin-1", b'<meta http-equiv="x" content="text/html; charset=ISO-8859-1">\x93n\x94', "“n”"),
    ("shift_jis", b'<meta charset="Shift_JIS">' + "砂の時計".encode("cp932"), "砂の時計"),
    ("nothing declared, not utf-8", b"n\xe9", "né"),
    ("an unknown name", b'<meta charset="klingon">n\xe9', "né"),
    ("utf-16 with its mark", "né".encode("utf-16"), "né"),
    ("utf-8 cut in mid-character", ("é" * 40).encode()[:-1], "é" * 39),
]


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in ENCODINGS], ids=[row[0] for row in ENCODINGS])
def test_bytes_are_decoded_as_what_they_are(raw: bytes, expected: str) -> None:
    assert decode_page(raw).split(">")[-1].strip("\ufffd") == expected


# Joiners are written as \N{…}: they cannot be seen.
@pytest.mark.parametrize(
    ("shown", "read"),
    [
        pytest.param("می\N{ZERO WIDTH NON-JOINER}خواهم", "می\N{ZERO WIDTH NON-JOINER}خواهم", id="Persian spelling"),
        pytest.param("क्\N{ZERO WIDTH JOINER}ष", "क्\N{ZERO WIDTH JOINER}ष", id="Hindi spelling"),
        pytest.param("👩\N{ZERO WIDTH JOINER}👧", "👩\N{ZERO WIDTH JOINER}👧", id="one emoji of two"),
        pytest.param("9\N{ZERO WIDTH NON-JOINER}78", "978", id="inside a number"),
        pytest.param("\N{ZERO WIDTH JOINER}Title\N{ZERO WIDTH NON-JOINER}", "Title", id="around a word"),
        pytest.param("\N{LEFT-TO-RIGHT MARK}: ספר\N{RIGHT-TO-LEFT MARK}", ": ספר", id="direction marks"),
    ],
)
def test_unseen_characters_go_unless_they_are_spelling(shown: str, read: str) -> None:
    assert squeeze(shown) == read
