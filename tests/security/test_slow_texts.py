"""Texts that were made to be slow to read: no expression of the project explodes, and each reader stays linear."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from gateway.pages.article_html import article_html
from spine.contracts.books import BookMetadata
from spine.errors import MillraceError
from tasks.book_review.amazon_page import parse_amazon_page
from tasks.book_review.article import clean_markdown
from tasks.book_review.claims import check_claims
from tasks.book_review.goodreads_page import parse_goodreads_page
from tasks.book_review.main_text import extract_main_text
from tasks.book_review.product_page import parse_product_page
from tasks.book_review.writing.text_units import sentences
from tasks.persona_ingestion.sentences import sentence_spans
from tests.security.redos import FAILING_ENDS, at_most, attacks_on, expressions, is_quick

URL = "https://shop.example/dp/1"
BOOK = BookMetadata(title="The Tide Clock", authors=["Ilse Marrow"])


def test_no_regular_expression_explodes() -> None:
    """400 characters are enough to tell: what grows with the third power takes seconds, what doubles never ends."""
    found = expressions()
    assert len(found) > 150
    slow = {
        place: (before, pump, end)
        for place, one in found.items()
        for before, pump in attacks_on(one)
        for end in FAILING_ENDS
        if not is_quick(one, before, pump, end, length=400, seconds=0.4)
    }
    assert slow == {}


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?:\.{3}|[.!])+x", r"(a|a)*b", r"(\w*)*\d", r"x*y*x*y*x*y*z"])
def test_an_expression_that_does_explode_is_found(pattern: str) -> None:
    one = re.compile(pattern)
    attacks = [(before, pump, end) for before, pump in attacks_on(one) for end in FAILING_ENDS]
    assert not all(is_quick(one, *attack, length=400, seconds=0.2) for attack in attacks)


def page(text: str) -> str:
    prose = "A sentence of prose that is long enough. " * 20
    return (
        f'<title>{text}</title><meta name="author" content="{text}"><h1 id="productTitle">T {text}</h1>'
        f'<div id="detail_bullets_id"><li><b>Publisher:</b> {text}</li><li><b>Pages:</b> {text}</li></div>'
        f'<span class="priceLarge">{text}</span><script type="application/ld+json">{{"@type": {text}</script>'
        f"<article><p>{prose}{text}</p></article>"
    )


READERS: dict[str, Callable[[str], object]] = {
    "amazon": lambda text: parse_amazon_page(page(text), URL),
    "goodreads": lambda text: parse_goodreads_page(page(text), URL),
    "any product": lambda text: parse_product_page(page(text), URL),
    "main text": lambda text: extract_main_text(page(text), URL),
    "sentences": sentences,
    "sentences of a work": sentence_spans,
    "cleaned Markdown": lambda text: clean_markdown(f"## One\n\n[a](<{text}"),
    "shown Markdown": lambda text: article_html(f"## One\n\n{text}"),
    "claims": lambda text: check_claims(f"## One\n\n{text}", BOOK, []),
}
PUMPS = (" ", "\t", "-", "a", "1.", "…", ".", "(", "[", "a@", "a-", "&nbsp;", "\n")


def seconds(read: Callable[[str], object], text: str) -> float:
    """Without the collector, which in a process full of other tests' objects takes longer than any reader."""
    gc.disable()
    begun = time.process_time()
    try:
        with suppress(MillraceError):
            read(text)
        return time.process_time() - begun
    finally:
        gc.enable()


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_about_twice_as_long_for_twice_as_much(name: str) -> None:
    """Four times as much may take up to eight times as long; with the second power it would be sixteen."""
    for pump in PUMPS:
        with at_most(20):
            short = seconds(READERS[name], pump * (15_000 // len(pump)))
            long = seconds(READERS[name], pump * (60_000 // len(pump)))
        assert long < max(0.4, 8 * short), f"{pump!r}: {short:.2f} s, then {long:.2f} s"
