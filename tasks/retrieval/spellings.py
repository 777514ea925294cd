"""What a filter asks for, in the spellings that it may be stored in."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from spine.spelling import with_cedillas, with_commas
from spine.vectors_port import Filter

_NAMES: Final = frozenset(("author", "work"))
"""Metadata that people type from memory, so that letter case does not count."""

_CASES: Final[tuple[Callable[[str], str], ...]] = (str.lower, str.upper, str.title, string.capwords, str.capitalize)
"""The store compares letter by letter: it is asked for the ways in which a name is usually written."""


def as_stored(where: Filter) -> Filter:
    """The filter, with each text also in composed and decomposed letters and with Romanian commas and cedillas; names
    in other letter cases, too; of a language (`en-GB`, `EN`) the part that is stored (`en`).

    What is no filter is left as it is: the store says what is wrong with it.
    """
    return {key: _asked(key, value) for key, value in where.items()}


def _asked(key: str, value: Any) -> dict[str, Any]:
    """The conditions of one key. One with `$in` already keeps its `$eq` as it is written."""
    conditions = dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {"$eq": value}
    if "$in" not in conditions and len(spellings := _spellings(key, conditions.get("$eq"))) > 1:
        del conditions["$eq"]
        conditions["$in"] = spellings
    elif isinstance(several := conditions.get("$in"), list | tuple):
        conditions["$in"] = [one for each in cast("Iterable[Any]", several) for one in _spellings(key, each)]
    return conditions


def _spellings(key: str, value: Any) -> list[Any]:
    """Each once, the one that was asked for first."""
    if not isinstance(value, str):
        return [value]
    if key == "language":
        return list(dict.fromkeys((value, value.replace("_", "-").partition("-")[0].lower())))
    cases = [value, *(case(value) for case in _CASES)] if key in _NAMES else [value]
    return list(dict.fromkeys(one for case in cases for one in _letters(case)))


def _letters(text: str) -> Iterable[str]:
    """The same text with other marks for the same letters."""
    if text.isascii():
        return (text,)
    composed = unicodedata.normalize("NFC", text)
    written = (composed, with_commas(composed), with_cedillas(composed))
    return (text, *written, *(unicodedata.normalize("NFD", one) for one in written))
