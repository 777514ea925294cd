"""What a filter asks for, in the spellings that it may be stored in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, cast

from spine.spelling import with_commas
from spine.vectors_port import Filter


def as_stored(where: Filter) -> Filter:
    """The filter, with each text also in composed letters and with Romanian commas, as a text is stored.

    What is no filter is left as it is: the store says what is wrong with it.
    """
    return {key: _asked(value) for key, value in where.items()}


def _asked(value: Any) -> dict[str, Any]:
    """The conditions of one key. One with `$in` already keeps its `$eq` as it is written."""
    conditions = dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {"$eq": value}
    if "$in" not in conditions and len(spellings := _spellings(conditions.get("$eq"))) > 1:
        del conditions["$eq"]
        conditions["$in"] = spellings
    elif isinstance(several := conditions.get("$in"), list | tuple):
        conditions["$in"] = [one for each in cast("Iterable[Any]", several) for one in _spellings(each)]
    return conditions


def _spellings(value: Any) -> list[Any]:
    if not isinstance(value, str) or value.isascii():
        return [value]
    composed = unicodedata.normalize("NFC", value)
    return list(dict.fromkeys((value, composed, with_commas(composed))))
