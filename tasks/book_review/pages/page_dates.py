"""Dates as shops print them, in any of the languages of the shops, to ISO dates as exact as the page is."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import cache

from babel.core import Locale
from babel.dates import get_month_names

from tasks.book_review.pages.page_text import fold

_MONTH_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "tr",
    "da",
    "nb",
    "fi",
    "ro",
    "cs",
    "hu",
    "el",
)
# Forms that shops print and the locale data lacks.
_MONTH_VARIANTS = {"sept": 9, "mrz": 3}
# What stands between the parts of a date: articles, prepositions and the endings of ordinals.
_FILLERS = frozenset(
    {"a", "d", "da", "de", "del", "den", "der", "des", "di", "dia", "do", "du", "er", "la", "le", "nd", "o", "of"}
    | {"rd", "re", "st", "th", "the", "van", "am", "el"}
)
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?\s*[月日]?(?:[T\s]\s*\d{1,2}:.*)?")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")
_MONTH_AND_YEAR = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{4})")
_YEAR = re.compile(r"(\d{4})\s*年?")
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_LONGEST_DATE = 60
_EARLIEST, _LATEST = 1000, 2200


def parse_date(text: str, *, month_first: bool = False) -> str | None:
    """`YYYY`, `YYYY-MM` or `YYYY-MM-DD` when the whole text is a date, else None.

    `month_first` decides only all-numeric dates that can be read both ways (`4/5/2020`).
    """
    plain = unicodedata.normalize("NFKC", text).strip(" \t\n.,;:–—-‎‏")
    if not plain or len(plain) > _LONGEST_DATE:
        return None
    return _numeric(plain, month_first) or _named_month(plain)


def find_date(text: str, *, month_first: bool = False) -> str | None:
    """The date that ends the text, such as `Broché – Illustré, 4 janvier 2019`; None when it ends otherwise."""
    tail = re.split(r"[–—|]|\s-\s", text[-200:])[-1]
    segments = tail.split(",")
    for start in range(len(segments)):
        if found := parse_date(",".join(segments[start:]), month_first=month_first):
            return found
    return None


def _numeric(text: str, month_first: bool) -> str | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return _iso(match[1], match[2], match[3])
    if match := _YEAR_LAST.fullmatch(text):
        day, month = (match[2], match[1]) if month_first else (match[1], match[2])
        if int(month) > 12:
            day, month = month, day
        return _iso(match[3], month, day)
    if match := _MONTH_AND_YEAR.fullmatch(text):
        return _iso(match[2], match[1], None)
    if match := _YEAR.fullmatch(text):
        return _iso(match[1], None, None)
    return None


def _named_month(text: str) -> str | None:
    """One month name, one year, at most one day, nothing else but fillers, in any order."""
    months: list[int] = []
    numbers: list[str] = []
    for token in _TOKEN.findall(fold(text)):
        if token.isdigit():
            numbers.append(token)
        elif month := _month_numbers().get(token):
            months.append(month)
        elif token not in _FILLERS:
            return None
    years = [number for number in numbers if len(number) == 4]
    days = [number for number in numbers if len(number) <= 2]
    if len(months) != 1 or len(years) != 1 or len(days) > 1 or len(years) + len(days) != len(numbers):
        return None
    return _iso(years[0], str(months[0]), days[0] if days else None)


def _iso(year: str, month: str | None, day: str | None) -> str | None:
    if not _EARLIEST <= int(year) <= _LATEST:
        return None
    if month is None:
        return f"{int(year):04}"
    if not 1 <= int(month) <= 12:
        return None
    if day is None:
        return f"{int(year):04}-{int(month):02}"
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


@cache
def _month_numbers() -> dict[str, int]:
    """Folded month name → number; built once per process from the Unicode locale data."""
    names = dict(_MONTH_VARIANTS)
    for language in _MONTH_LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, Locale(language)).items():
                    names.setdefault(fold(str(name)), int(number))
    return {name: number for name, number in names.items() if not name.isdigit()}
