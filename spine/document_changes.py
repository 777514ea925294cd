"""What an update may change, checked once for every store, and how it changes a document held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from spine.document_values import checked_number, checked_path, plain_value
from spine.errors import InvalidInputError
from spine.ports import Document


@dataclass(frozen=True, slots=True)
class Change:
    """A checked change: private copies of plain values, and no path inside another."""

    set: Mapping[str, Any]
    inc: Mapping[str, int | float]
    push: Mapping[str, Any]
    unset: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return not (self.set or self.inc or self.push or self.unset)


def parse_change(
    set: Mapping[str, Any] | None,
    inc: Mapping[str, int | float] | None,
    push: Mapping[str, Any] | None,
    unset: Sequence[str],
) -> Change:
    """The change that the arguments of `Documents.update` name; InvalidInputError when it cannot be made."""
    if isinstance(unset, str):
        raise InvalidInputError(f"unset needs a list of paths; write [{unset!r}]")
    _check_paths([*(set or {}), *(inc or {}), *(push or {}), *unset])
    return Change(
        set={path: plain_value(value, path) for path, value in (set or {}).items()},
        inc={path: _amount(value, path) for path, value in (inc or {}).items()},
        push={path: plain_value(value, path) for path, value in (push or {}).items()},
        unset=tuple(unset),
    )


def _check_paths(paths: Iterable[str]) -> None:
    """Two changes of one field would depend on their order, so a store refuses them."""
    split = sorted(checked_path(path).split(".") for path in paths)
    for names in split:
        if names[0] == "_id":
            raise InvalidInputError("`_id` cannot be changed: insert a new document instead")
    # Sorted by name, a path that contains another stands right before the first one it contains.
    for outer, inner in pairwise(split):
        if inner[: len(outer)] == outer:
            raise InvalidInputError(f"`{'.'.join(outer)}` and `{'.'.join(inner)}` cannot be changed in one update")


def _amount(value: object, path: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"`{path}` can only be counted up by a number, not by {value!r}")
    return checked_number(value, path)


def apply_change(document: Document, change: Change) -> Document:
    """`document` itself, changed as MongoDB would change it; hand in a private copy.

    Absent objects on the way are made. InvalidInputError leaves the document half changed: throw it away.
    """
    steps: list[tuple[str, _Step, Any]] = [
        *((path, _set, value) for path, value in change.set.items()),
        *((path, _inc, value) for path, value in change.inc.items()),
        *((path, _push, value) for path, value in change.push.items()),
        *((path, _unset, None) for path in change.unset),
    ]
    for path, step, value in sorted(steps, key=lambda entry: entry[0]):  # new fields are added in path order
        step(document, path, value)
    return document


_Step = Callable[[Document, str, Any], None]


def _set(document: Document, path: str, value: Any) -> None:
    holder, name = _holder(document, path)
    holder[name] = value


def _inc(document: Document, path: str, amount: int | float) -> None:
    holder, name = _holder(document, path)
    current = holder.get(name, 0)
    if isinstance(current, bool) or not isinstance(current, int | float):
        raise InvalidInputError(f"`{path}` holds {_kind(current)}, not a number that can be counted up")
    holder[name] = checked_number(current + amount, path)


def _push(document: Document, path: str, value: Any) -> None:
    holder, name = _holder(document, path)
    items = holder.setdefault(name, [])
    if not isinstance(items, list):
        raise InvalidInputError(f"`{path}` holds {_kind(items)}, not a list that can be added to")
    items.append(value)


def _unset(document: Document, path: str, _: Any) -> None:
    value: Any = document
    *parents, name = path.split(".")
    for parent in parents:
        value = value.get(parent) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(name, None)


def _holder(document: Document, path: str) -> tuple[Document, str]:
    """The object that holds the last name of `path`, made on the way where it is absent."""
    holder: Any = document
    *parents, name = path.split(".")
    for parent in parents:
        holder = holder.setdefault(parent, {})
        if not isinstance(holder, dict):
            raise InvalidInputError(f"`{path}` cannot be changed: `{parent}` holds {_kind(holder)}, not an object")
    return holder, name


_KINDS: Final = {type(None): "null", bool: "a boolean", str: "a text", list: "a list", dict: "an object"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")
