"""What may be put into a vector collection, checked before any store sees it, so that all stores agree."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

from spine.errors import InvalidInputError
from spine.vectors_port import Entry, Filter, Scalar, Vector

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")
_RANGES: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LARGEST: Final = 2**63

Condition = tuple[str, str, Any]
"""(key, operator, value)"""


def checked_name(name: str) -> str:
    """The name of a collection, as Chroma takes it."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is no name for a collection: use 3 to 512 letters, digits, dots, dashes or underscores, "
            "with a letter or digit at both ends"
        )
    return name


def check_same_model(name: str, held: tuple[str, int], wanted: tuple[str, int]) -> None:
    """`held` and `wanted` are (model, dimension)."""
    if held != wanted:
        raise InvalidInputError(
            f"The collection {name} holds vectors of {held[0]} ({held[1]} dimensions), not of {wanted[0]} "
            f"({wanted[1]}): configure that model again, or drop the collection and ingest anew"
        )


def check_entries(entries: Sequence[Entry], vectors: Sequence[Vector], dimension: int) -> None:
    if len(entries) != len(vectors):
        raise InvalidInputError(f"{len(entries)} entries came with {len(vectors)} vectors")
    check_texts(entries)
    for entry, vector in zip(entries, vectors, strict=True):
        check_vector(vector, dimension, entry.id)


def check_texts(entries: Sequence[Entry]) -> None:
    """Ids and metadata, where no vectors come along."""
    if len({entry.id for entry in entries}) != len(entries):
        raise InvalidInputError("An id comes twice in one batch of entries")
    for entry in entries:
        _check_entry(entry)


def check_vector(vector: Vector, dimension: int, what: str = "the query") -> None:
    if len(vector) != dimension:
        raise InvalidInputError(f"The vector of {what} has {len(vector)} values; the collection takes {dimension}")
    if not math.isfinite(sum(vector)):
        raise InvalidInputError(f"The vector of {what} holds a value that is not finite")


def _check_entry(entry: Entry) -> None:
    if not entry.id:
        raise InvalidInputError("An entry needs an id")
    for key, value in entry.metadata.items():
        if not key or key.startswith(("$", "#")):
            raise InvalidInputError(f"{key!r} is no name for metadata of entry {entry.id}")
        if not _is_scalar(value):
            raise InvalidInputError(f"Metadata {key} of entry {entry.id} must be a text, a number or a boolean")


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):  # most are
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and -_LARGEST <= value < _LARGEST


def conditions(where: Filter | None) -> list[Condition]:
    """The single conditions of a filter; `InvalidInputError` for one that not every store can answer."""
    found: list[Condition] = []
    for key, wanted in (where or {}).items():
        if not isinstance(wanted, Mapping):
            found.append((key, "$eq", wanted))
        else:
            found += [(key, operator, value) for operator, value in cast("Mapping[str, Any]", wanted).items()]
    for condition in found:
        _check_condition(*condition)
    return found


def _check_condition(key: str, operator: str, value: object) -> None:
    if not key or key.startswith(("$", "#")):
        raise InvalidInputError(f"A filter names metadata, not {key!r}")
    if operator == "$in" and isinstance(value, list | tuple | set | frozenset):
        several = cast("Collection[object]", value)
        fits = all(map(_can_be_sought, several)) and len(set(map(_kind, several))) <= 1
    elif operator in _RANGES:
        fits = _can_be_sought(value) and not isinstance(value, str | bool)
    else:
        fits = operator == "$eq" and _can_be_sought(value)
    if not fits:
        raise InvalidInputError(
            f"The filter {key} {operator} {value!r} cannot be answered. It takes a text, a whole number or a boolean, "
            "by itself or with $eq; several of one kind with $in; numbers with $gt, $gte, $lt, $lte"
        )


def _kind(value: object) -> type:
    """Chroma compares with values of one kind at a time."""
    return type(value) if isinstance(value, bool | str) else float


def _can_be_sought(value: object) -> bool:
    """Chroma cuts 10.5 to 10 before it compares it with whole numbers."""
    return _is_scalar(value) and (not isinstance(value, float) or value.is_integer())


def matches(metadata: Mapping[str, Scalar], found: Sequence[Condition]) -> bool:
    """Whether all conditions hold."""
    return all(key in metadata and _holds(metadata[key], operator, value) for key, operator, value in found)


def _holds(held: Scalar, operator: str, wanted: Any) -> bool:
    if operator == "$eq":
        return _same(held, wanted)
    if operator == "$in":
        return any(_same(held, one) for one in wanted)
    if isinstance(held, bool | str):
        return False
    return {"$gt": held > wanted, "$gte": held >= wanted, "$lt": held < wanted, "$lte": held <= wanted}[operator]


def _same(held: Scalar, wanted: object) -> bool:
    return isinstance(held, bool) == isinstance(wanted, bool) and held == wanted
