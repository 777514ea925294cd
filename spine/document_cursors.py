"""Where a page of documents ended, as text for a URL, and the conditions that find what comes after it.

A cursor holds the last document's sort values, not a number to skip: documents that are added or removed
meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from spine.document_conditions import RANGES, Order, operators_in, parse_sort
from spine.document_values import MISSING, value_at
from spine.errors import InvalidInputError
from spine.ports import Document, Sort, Where

_FOREIGN: Final = "This `next` cursor does not belong to this list: ask for the first page again"


def cursor_after(collection: str, sort: Sort | None, last: Document) -> str:
    """The cursor of a page of `collection` that ends with `last`."""
    values = [_sort_value(last, order) for order in parse_sort(sort)]
    text = json.dumps([_list_name(collection, sort), values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(collection: str, sort: Sort | None, cursor: str) -> list[Any]:
    """The sort values in `cursor`; InvalidInputError when it was not made by a list with this sort."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidInputError(_FOREIGN) from None
    if name != _list_name(collection, sort) or not _fits(values, parse_sort(sort)):
        raise InvalidInputError(_FOREIGN)
    return values


def wheres_after(where: Where | None, sort: Sort | None, values: Sequence[Any]) -> list[Where]:
    """What comes after the document with these sort values: the matches of each condition in turn.

    With a sort by `created` downwards these are: the same moment and a later `_id`; an earlier moment; no moment.
    """
    orders = parse_sort(sort)
    found: list[Where] = []
    for depth in range(len(orders) - 1, -1, -1):
        same = dict(where or {})
        for order, value in zip(orders[:depth], values[:depth], strict=True):
            same = _equal(same, order.path, value)
        found += _beyond(same, orders[depth], values[depth])
    return found


def _equal(where: Where, path: str, value: Any) -> dict[str, Any]:
    """`where`, and `path` as the last document had it; that document met `where`, so its value may stand for `$in`."""
    if path in where and operators_in(where[path]) is None:
        return dict(where)
    return _with(where, path, "$in", [value])


def _beyond(where: Where, order: Order, value: Any) -> list[Where]:
    """Matches of `where` that stand after `value` in this order; a sort path holds one type of value, or nothing."""
    path = order.path
    operators = operators_in(where[path]) if path in where else {}
    if operators is None:  # `where` allows one value only, so nothing comes after it
        return []
    if value is None:
        beyond_nothing = _with(where, path, "$nin", [*operators.get("$nin", ()), None])
        return [beyond_nothing] if order.direction > 0 else []
    if order.direction > 0:
        return [_with(where, path, "$gt", value)]
    below = _with(where, path, "$lt", value)
    return [below, _with(where, path, "$in", [None])] if _may_be_nothing(path, operators) else [below]


def _may_be_nothing(path: str, operators: Mapping[str, Any]) -> bool:
    return path != "_id" and not RANGES & operators.keys() and None in operators.get("$in", (None,))


def _with(where: Where, path: str, operator: str, operand: Any) -> dict[str, Any]:
    return {**where, path: {**where.get(path, {}), operator: operand}}


def _sort_value(document: Document, order: Order) -> Any:
    value = value_at(document, order.path)
    if isinstance(value, dict | list):
        raise InvalidInputError(f"Pages cannot be sorted by `{order.path}`: it holds more than one value")
    return None if value is MISSING else value


def _fits(values: object, orders: Sequence[Order]) -> bool:
    if not isinstance(values, list):
        return False
    items = cast(list[Any], values)
    return (
        len(items) == len(orders)
        and isinstance(items[-1], str)
        and not any(isinstance(item, dict | list) for item in items)
    )


def _list_name(collection: str, sort: Sort | None) -> str:
    """Tells lists apart, so that a cursor is not used with another collection or order."""
    described = [collection, *((order.path, order.direction) for order in parse_sort(sort))]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:8]
