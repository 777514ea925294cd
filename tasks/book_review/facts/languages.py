"""Names of languages and months: whatever a page calls a language, its ISO 639-1 code."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from babel import Locale
from babel.core import get_global

ARTICLE_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ro", "uk")
"""Languages that have word lists and phrases of their own; every other one falls back on English."""

_KNOWN_LOCALES = (*ARTICLE_LANGUAGES, "nl", "pl", "ru", "sv", "cs", "tr", "ja")


def article_language(code: str) -> str:
    """The language whose phrases and word lists serve `code` (`de-AT` → `de`, `fi` → `en`)."""
    base = code.split("-")[0].split("_")[0].lower()
    return base if base in ARTICLE_LANGUAGES else "en"


def language_code(name: str) -> str | None:
    """The two-letter code of a language named in any common way: `Englisch`, `eng`, `en-US`, `English (US)`."""
    key = _key(re.sub(r"\(.*?\)", " ", name))
    codes = _codes_by_name()
    if key in codes:
        return codes[key]
    head = re.split(r"[-_,;/ ]", key)[0] if key else ""
    return codes.get(head)


def language_name(code: str, display: str) -> str:
    """The name of language `code` as readers of `display` write it; the code itself where no name is known."""
    names = Locale.parse(display, sep="-" if "-" in display else "_").languages
    return str(names.get(code, code))


def language_names(code: str) -> frozenset[str]:
    """Every name of language `code` in the known locales."""
    return frozenset(
        str(Locale(locale).languages[code]) for locale in _KNOWN_LOCALES if code in Locale(locale).languages
    )


@lru_cache(maxsize=1)
def month_numbers() -> dict[str, int]:
    """Folded month names, full and shortened, in the known locales → 1–12."""
    months: dict[str, int] = {}
    for locale in _KNOWN_LOCALES:
        for form in ("format", "stand-alone"):
            for width in ("abbreviated", "wide"):
                for number, name in Locale(locale).months[form][width].items():
                    key = _key(str(name)).rstrip(".")
                    if key.isalpha():
                        months.setdefault(key, int(number))
    months["sept"] = 9
    return months


@lru_cache(maxsize=1)
def full_month_names() -> frozenset[str]:
    """Folded full month names. A shortened one without a year is too often another word ("mar", "dec")."""
    names = (
        _key(str(name))
        for locale in _KNOWN_LOCALES
        for form in ("format", "stand-alone")
        for name in Locale(locale).months[form]["wide"].values()
    )
    return frozenset(name for name in names if name.isalpha())


@lru_cache(maxsize=1)
def _codes_by_name() -> dict[str, str]:
    codes: dict[str, str] = {}
    for alias, code in get_global("language_aliases").items():
        if len(alias) == 3 and len(str(code)) == 2:
            codes[alias] = str(code)
    for locale in _KNOWN_LOCALES:
        for code, name in Locale(locale).languages.items():
            if len(code) == 2:
                codes.setdefault(_key(str(name)), code)
                codes.setdefault(code, code)
    return codes


def _key(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())
