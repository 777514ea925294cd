"""What differs between two readings of a product page, and whether it matters to a published article. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from spine.contracts.books import BookMetadata, Money

_LEAST_RATING_STEP = 0.1  # stars; smaller steps are the daily noise of new votes
_CENT = 0.005


class FactChange(BaseModel):
    """A fact that the shop gives differently from when the review was written."""

    fact: str = Field(description="a field of BookMetadata")
    before: str = Field(description="as the review knew it; empty when the page did not say")
    now: str
    since: str = Field(description="the day on which this value was first seen")

    @property
    def flag(self) -> str:
        """The change as a reviewer reads it."""
        return f"{self.fact} was {self.before or 'not shown'}, is {self.now or 'not shown any more'}"


def changed_facts(before: BookMetadata, now: BookMetadata, known: Sequence[FactChange], today: str) -> list[FactChange]:
    """The facts that changed, in the order of the fields; one that was `known` keeps the day it was first seen on.

    Counts of ratings, covers and descriptions change all the time and are not compared. A fact that one of the two
    readings lacks says nothing, for shops show different parts of a page; a price that came or went does.
    """
    first_seen = {(change.fact, change.now): change.since for change in known}
    return [
        FactChange(fact=fact, before=_shown(old), now=_shown(new), since=first_seen.get((fact, _shown(new)), today))
        for fact, differs in _DIFFERS.items()
        if differs(old := getattr(before, fact), new := getattr(now, fact))
    ]


def _text(before: Any, now: Any) -> bool:
    return bool(before and now) and _folded(before) != _folded(now)


def _names(before: Any, now: Any) -> bool:
    return bool(before and now) and {_folded(name) for name in before} != {_folded(name) for name in now}


def _number(before: Any, now: Any) -> bool:
    return None not in (before, now) and before != now


def _rating(before: Any, now: Any) -> bool:
    return None not in (before, now) and abs(before - now) >= _LEAST_RATING_STEP - 1e-9


def _date(before: Any, now: Any) -> bool:
    """A date that became more exact is the same date."""
    return bool(before and now) and not (before.startswith(now) or now.startswith(before))


def _price(before: Money | None, now: Money | None) -> bool:
    if before is None or now is None:
        return before is not now
    return before.currency != now.currency or abs(before.amount - now.amount) >= _CENT


_DIFFERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "title": _text,
    "authors": _names,
    "asin": _text,
    "isbn_10": _text,
    "isbn_13": _text,
    "price_book": _price,
    "price_ebook": _price,
    "rating": _rating,
    "pages": _number,
    "language": _text,
    "publisher": _text,
    "publication_date": _date,
}


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Money):
        return f"{value.amount:.2f} {value.currency}"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
