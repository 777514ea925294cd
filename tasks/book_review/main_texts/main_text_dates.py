"""Reads the day out of the many ways in which pages write a date."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from dateparser.data.languages_info import language_order
from dateparser.date import DateDataParser

_YEAR_FIRST = re.compile(r"\s*((?:19|20)\d\d)([-/.]?)(\d{1,2})\2(\d{1,2})(?!\d)")
_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2})[/-](\d{1,2})(?=[/-])")
_HAS_DAY_AND_YEAR = re.compile(r"\d.*\d{4}|\d{4}.*\d")
_LONGEST = 60
_FIRST_YEAR = 1990  # of the web
# Trying every language of the library takes a second where none fits.
_COMMON_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ro", "nl", "pl", "sv", "ru")
_KNOWN_LANGUAGES = frozenset[str](language_order)
_STRICT: Any = {"REQUIRE_PARTS": ["day", "month", "year"]}


def iso_date(value: object, language: str | None = None) -> str | None:
    """`2019-11-19` for a date in ISO or spelled out; None for anything else, or a day before the web or to come.

    `language` (`de`) is that of the page, where known: it says what `3.4.2019` and month names mean.
    """
    if not isinstance(value, str) or len(value) > _LONGEST or not _HAS_DAY_AND_YEAR.search(value):
        return None
    if match := _YEAR_FIRST.match(value):
        return _checked(match[1], match[3], match[4])
    parsed = _spelled_out(value, language)
    return _checked(parsed.year, parsed.month, parsed.day) if parsed else None


def date_in_address(url: str) -> str | None:
    """The day in an address such as `/2019/11/19/title`."""
    match = _IN_ADDRESS.search(url)
    return _checked(*match.groups()) if match else None


def _spelled_out(value: str, language: str | None) -> datetime | None:
    try:
        return _reader(language).get_date_data(value).date_obj
    except Exception:  # odd input breaks some of the library's locales; no date is an ordinary answer
        return None


@cache
def _reader(language: str | None) -> DateDataParser:
    """One parser for each language of a page, kept for the life of the process (there are about 200)."""
    given = [language] if language in _KNOWN_LANGUAGES else []
    languages = list(dict.fromkeys([*given, *_COMMON_LANGUAGES]))
    return DateDataParser(languages=languages, use_given_order=True, settings=_STRICT)


def _checked(year: str | int, month: str | int, day: str | int) -> str | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    tomorrow = date.today() + timedelta(days=1)  # a page may stand in an earlier time zone
    return found.isoformat() if date(_FIRST_YEAR, 1, 1) <= found <= tomorrow else None
