"""Word lists of the languages that articles are written in, read from `words/<language>.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from tasks.book_review.facts.languages import ARTICLE_LANGUAGES, article_language
from tasks.book_review.writing.text_units import fold, folded_words


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What must be known of a language to read facts in it. All words are folded."""

    language: str
    stopwords: frozenset[str]
    openers: frozenset[str]
    """Words that open a sentence or stand before a name, capitalised without being part of it."""
    nouns: frozenset[str]
    """Common nouns, where the language capitalises them."""
    numbers: dict[str, int]
    scales: dict[str, int]
    approximators: frozenset[str]
    numbering: frozenset[str]
    """Words before a number that only counts parts: chapter 3."""
    audience: tuple[str, ...]
    """Phrases that announce for whom a book is meant."""


@lru_cache(maxsize=len(ARTICLE_LANGUAGES))
def lexicon(language: str) -> Lexicon:
    """The word lists that serve `language`."""
    code = article_language(language)
    data = tomllib.loads((files("tasks.book_review.facts") / "words" / f"{code}.toml").read_text("utf-8"))
    return Lexicon(
        language=code,
        stopwords=_folded(data["stopwords"]),
        openers=_folded(data["openers"]),
        nouns=_folded(data.get("nouns", "")),
        numbers={fold(word): int(value) for word, value in data["numbers"].items()},
        scales={fold(word): int(value) for word, value in data["scales"].items()},
        approximators=_folded(data["approximators"]),
        numbering=_folded(data["numbering"]),
        audience=tuple(fold(phrase) for phrase in data["audience"]),
    )


@lru_cache(maxsize=1)
def all_stopwords() -> frozenset[str]:
    """The function words of every language together, for texts that mix them."""
    return frozenset().union(*(lexicon(code).stopwords for code in ARTICLE_LANGUAGES))


def guess_language(text: str, default: str = "en") -> str:
    """The language whose function words the text uses most; `default` where it uses too few of any."""
    present = folded_words(text[:20_000])
    hits = {code: sum(word in lexicon(code).stopwords for word in present) for code in ARTICLE_LANGUAGES}
    best = max(ARTICLE_LANGUAGES, key=lambda code: (hits[code], code == default))
    if hits[best] >= max(1, len(present) // 12):
        return best
    return "uk" if any("\u0400" <= char <= "\u04ff" for char in text[:200]) else default


def _folded(listed: str) -> frozenset[str]:
    return frozenset(fold(word) for word in listed.split())
