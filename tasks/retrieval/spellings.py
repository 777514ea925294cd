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


def _asked(value: Any) -> Any:
    if isinstance(value, Mapping):
        conditions = cast("Mapping[str, Any]", value).items()
        return dict(_condition(operator, operand) for operator, operand in conditions)
    spellings = _spellings(value)
    return value if spellings == [value] else {"$in": spellings}


def _condition(operator: str, operand: Any) -> tuple[str, Any]:
    if operator == "$in" and isinstance(operand, list | tuple):
        return operator, [one for each in cast("Iterable[Any]", operand) for one in _spellings(each)]
    spellings = _spellings(operand)
    return (operator, operand) if operator != "$eq" or spellings == [operand] else ("$in", spellings)


def _spellings(value: Any) -> list[Any]:
    if not isinstance(value, str) or value.isascii():
        return [value]
    composed = unicodedata.normalize("NFC", value)
    return list(dict.fromkeys((value, composed, with_commas(composed))))
