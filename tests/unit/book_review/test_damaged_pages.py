"""No page, however damaged or hostile, makes a reader fail in any other way than the two it declares."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spine.errors import CaptchaError, NotABookError
from tasks.book_review.amazon_page import parse_amazon_page
from tasks.book_review.goodreads_page import parse_goodreads_page
from tasks.book_review.product_page import parse_bibliography, parse_product_page

PROJECT_ROOT = Path(__file__).resolve().parents[3]
FIXTURES = sorted((PROJECT_ROOT / "tests" / "fixtures" / "pages").glob("*.html"))
SAVED = sorted((PROJECT_ROOT.parent / "shared" / "data").glob("[ag]*/*.html"))
READERS: list[Callable[[str | bytes, str], object]] = [parse_amazon_page, parse_goodreads_page, parse_product_page]
ODD_PIECES = [
    b"<b>",
    b"</div>",
    b"9" * 5000,
    b"\xff\xfe",
    b"\x00",
    b"&#xD800;",
    b"((((",
    b"1e999",
    "٣١٢".encode(),
    b'"',
]


def read_with_all(page: str | bytes, url: str = "http://127.0.0.1/") -> None:
    for reader in READERS:
        try:
            reader(page, url)
        except (CaptchaError, NotABookError):
            continue
    parse_bibliography(page, url)


@st.composite
def damaged_pages(draw: st.DrawFn) -> bytes:
    raw = draw(st.sampled_from(FIXTURES)).read_bytes()
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 1500)))
        piece = draw(st.sampled_from([b"", raw[start:end][::-1], raw[start:end] * 2, *ODD_PIECES]))
        raw = raw[:start] + piece + raw[end:]
    return raw


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(damaged_pages())
def test_a_damaged_page_is_read_or_refused(page: bytes) -> None:
    read_with_all(page)


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)), st.text(max_size=40))
def test_anything_at_all_is_read_or_refused(page: str | bytes, url: str) -> None:
    read_with_all(page, url)


@pytest.mark.skipif(not SAVED, reason="the saved pages of public shops are not on this machine")
@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_page_cut_short_or_shuffled_is_read_or_refused(path: Path) -> None:
    raw = path.read_bytes()
    chance = random.Random(path.name)
    cut = chance.randrange(len(raw))
    slices = [raw[start : start + 20_000] for start in range(0, len(raw), 20_000)]
    chance.shuffle(slices)
    for page in (raw[:cut], raw[cut:], b"".join(slices)):
        read_with_all(page)


HOSTILE = {
    "deep nesting": "<div>" * 50_000,
    "deep json-ld": '<script type="application/ld+json">' + "[" * 50_000 + "</script>",
    "deep page state": '<script id="__NEXT_DATA__">' + '{"a":' * 50_000 + "</script>",
    "endless digits": "<h1>T</h1>ISBN " + "978" * 50_000,
    "endless parentheses": '<span id="productTitle">T</span><div id="detail_bullets_id"><li><b>Publisher</b>'
    + "(1" * 50_000,
    "endless price": '<span id="productTitle">T</span><input id="ASIN"><b class="priceLarge">$' + "1,234" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_made_to_be_slow_is_over_in_seconds(name: str) -> None:
    started = time.process_time()
    read_with_all(HOSTILE[name])
    assert time.process_time() - started < 5
