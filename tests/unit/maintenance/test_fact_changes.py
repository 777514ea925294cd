"""Which differences between two readings of a product page a reviewer hears of."""

from __future__ import annotations

from typing import Any

import pytest

from spine.contracts.books import BookMetadata, Money
from tasks.maintenance.fact_changes import FactChange, changed_facts

TODAY = "2026-02-02"
DOLLARS = Money(amount=12.99, currency="USD")

CHANGES: dict[str, tuple[str, Any, Any, str | None]] = {
    "another price": ("price_book", DOLLARS, Money(amount=10.99, currency="USD"), "was 12.99 USD, is 10.99 USD"),
    "another currency": ("price_book", DOLLARS, Money(amount=12.99, currency="EUR"), "was 12.99 USD, is 12.99 EUR"),
    "the same price": ("price_book", DOLLARS, Money(amount=12.99, currency="USD"), None),
    "a price that came": ("price_ebook", None, DOLLARS, "was not shown, is 12.99 USD"),
    "a price that went": ("price_book", DOLLARS, None, "was 12.99 USD, is not shown any more"),
    "a better rating": ("rating", 4.2, 4.3, "was 4.2, is 4.3"),
    "a rating's noise": ("rating", 4.21, 4.25, None),
    "a rating that the page hides": ("rating", 4.2, None, None),
    "another title": ("title", "The Tide Clock", "The Tidal Clock", "was The Tide Clock, is The Tidal Clock"),
    "a title in other letters": ("title", "The  Tide Clock", "the tide clock", None),
    "another author": ("authors", ["A. One"], ["A. One", "B. Two"], "was A. One, is A. One, B. Two"),
    "authors in another order": ("authors", ["A. One", "B. Two"], ["B. Two", "A. One"], None),
    "more pages": ("pages", 312, 320, "was 312, is 320"),
    "pages that the page hides": ("pages", 312, None, None),
    "another book behind the address": ("isbn_13", "9781940021317", "9780000000002", "is 9780000000002"),
    "a more exact date": ("publication_date", "2024", "2024-05-01", None),
    "another date": ("publication_date", "2024-05-01", "2025-01-01", "was 2024-05-01, is 2025-01-01"),
    "more votes": ("rating_count", 10, 5000, None),
    "another cover": ("cover_image_url", "https://a.example/1.jpg", "https://a.example/2.jpg", None),
}


@pytest.mark.parametrize(("fact", "before", "now", "says"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_flagged_when_it_matters(fact: str, before: Any, now: Any, says: str | None) -> None:
    changes = changed_facts(BookMetadata(**{fact: before}), BookMetadata(**{fact: now}), [], TODAY)
    assert [change.fact for change in changes] == ([] if says is None else [fact])
    assert says is None or changes[0].flag.endswith(says)


def test_a_change_keeps_the_day_on_which_it_was_first_seen_until_it_changes_again() -> None:
    before, now = BookMetadata(pages=300, rating=4.0), BookMetadata(pages=310, rating=4.5)
    known = [
        FactChange(fact="pages", before="300", now="310", since="2026-01-26"),
        FactChange(fact="rating", before="4.0", now="4.3", since="2026-01-26"),
    ]
    assert {one.fact: one.since for one in changed_facts(before, now, known, TODAY)} == {
        "pages": "2026-01-26",
        "rating": TODAY,
    }
