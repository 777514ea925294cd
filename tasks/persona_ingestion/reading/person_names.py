"""Tells the name of a person from that of a collection or a topic, in the keys of a JSON file."""

from __future__ import annotations

from typing import Final

LISTS_OF_QUOTATIONS: Final = frozenset(
    ("quotes", "quotations", "citate", "entries", "items", "results", "data", "rows")
)
NO_PERSONS: Final = LISTS_OF_QUOTATIONS | frozenset(
    (
        *("quote", "text", "texts", "list", "all", "content", "contents", "records", "values", "collection", "result"),
        *("sayings", "aphorisms", "proverbs", "response", "tags", "categories", "topics", "more", "others", "various"),
    )
)
_TOPICS: Final = frozenset(
    (
        *("advice", "age", "ambition", "anger", "animals", "art", "beauty", "books", "business", "change", "character"),
        *("children", "courage", "creativity", "death", "destiny", "dreams", "duty", "education", "envy", "evil"),
        *(
            "failure",
            "fame",
            "family",
            "fate",
            "fear",
            "freedom",
            "friends",
            "friendship",
            "funny",
            "future",
            "general",
        ),
        *("god", "gratitude", "greatness", "happiness", "hate", "health", "history", "home", "humor", "humour"),
        *("imagination", "inspiration", "inspirational", "jealousy", "joy", "justice", "kindness", "knowledge"),
        *(
            "language",
            "leadership",
            "learning",
            "liberty",
            "life",
            "literature",
            "loneliness",
            "love",
            "man",
            "marriage",
        ),
        *("memory", "men", "mind", "misc", "miscellaneous", "money", "morality", "motivation", "motivational", "music"),
        *("nature", "other", "patience", "patriotism", "peace", "philosophy", "poetry", "poverty", "power", "pride"),
        *("religion", "science", "silence", "sleep", "society", "solitude", "sorrow", "soul", "spirituality", "sport"),
        *("sports", "strength", "success", "technology", "time", "travel", "truth", "unknown", "anonymous", "virtue"),
        *("war", "wealth", "wisdom", "women", "work", "writing", "youth"),
        *("adevăr", "adevărul", "artă", "arta", "bucurie", "bunătate", "credință", "credința", "cunoaștere", "curaj"),
        *(
            "destin",
            "dor",
            "dragoste",
            "dragostea",
            "dumnezeu",
            "educație",
            "familie",
            "fericire",
            "fericirea",
            "frică",
        ),
        *(
            "iubire",
            "iubirea",
            "înțelepciune",
            "înțelepciunea",
            "libertate",
            "libertatea",
            "moarte",
            "moartea",
            "muncă",
        ),
        *("natură", "natura", "prietenie", "prietenia", "război", "speranță", "suflet", "sufletul", "timp", "timpul"),
        *("tinerețe", "viață", "viața"),
    )
)
"""What collections are sorted by. Hope, Faith and the like are left to persons."""


def person(name: str) -> str | None:
    """The name, unless it is that of a collection, a topic or a number: persons are written with a capital."""
    name = name.strip()
    if not name[:1].isalpha() or name[0].islower() or any(char.isdigit() for char in name):
        return None
    words = name.lower().split()
    if not words or len(words) > 1:
        return None if set(words) & NO_PERSONS else name
    return None if words[0] in NO_PERSONS | _TOPICS else name
