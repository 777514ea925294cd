"""The sentences of the article without a model, read from `phrasebook/<language>.toml`, and values in a language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal

from spine.contracts.books import Money
from tasks.book_review.facts.languages import ARTICLE_LANGUAGES, article_language, language_code, language_name


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language's headings, labels, names of sources and sentences."""

    language: str
    headline: str
    headline_bare: str
    headings: dict[str, str]
    labels: dict[str, str]
    names: dict[str, str]
    text: dict[str, str]

    def say(self, key: str, **values: str) -> str:
        """A sentence with its values filled in; a value that ends with a full stop does not double it."""
        sentence = self.text[key].format_map(values)
        return sentence.replace("..", ".") if any(value.endswith(".") for value in values.values()) else sentence

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.language)

    def money(self, value: Money) -> str:
        return format_currency(value.amount, value.currency, locale=self.language)

    def date(self, iso: str) -> str:
        """`2019-05-08` as the language writes it, no more exactly than given; what is no date stays as it is."""
        try:
            parts = [int(part) for part in iso.split("-")]
            day = date(*[*parts, 1, 1][:3])
        except (ValueError, TypeError):
            return iso
        if len(parts) == 1:
            return iso
        if len(parts) == 2:
            return format_skeleton("yMMMM", day, locale=self.language)
        return format_date(day, "long", locale=self.language)

    def language_name(self, name: str) -> str:
        """The language of an edition as readers of this language call it."""
        code = language_code(name)
        return language_name(code, self.language) if code else name


@lru_cache(maxsize=len(ARTICLE_LANGUAGES))
def phrases(language: str) -> Phrases:
    """The phrases that serve `language`; English where there are none of its own."""
    code = article_language(language)
    data = tomllib.loads((files("tasks.book_review.writing") / "phrasebook" / f"{code}.toml").read_text("utf-8"))
    return Phrases(language=code, **data)
