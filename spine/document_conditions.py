"""The conditions and orders of `spine.ports.Where` and `Sort`, checked once for every store."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from spine.document_values import checked_path, plain_value
from spine.errors import InvalidInputError
from spine.ports import Sort, Where

Operator = Literal["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"]

_OPERATORS: Final[tuple[str, ...]] = get_args(Operator)
RANGES: Final = frozenset({"$gt", "$gte", "$lt", "$lte"})
_LISTS: Final = frozenset({"$in", "$nin"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold. As in MongoDB: `None` matches null and absent, ranges match values of the operand's
    own type (number, text or boolean), and `$ne` and `$nin` match documents that lack the path."""

    path: str
    operator: Operator
    operand: Any


@dataclass(frozen=True, slots=True)
class Order:
    """One path to sort by; `direction` is 1 (nothing first) or -1 (nothing last)."""

    path: str
    direction: Literal[1, -1]


def parse_where(where: Where | None) -> list[Condition]:
    """Every condition of `where`; InvalidInputError for a path, operator or operand that no store understands."""
    return [
        condition for path, wanted in (where or {}).items() for condition in _conditions(checked_path(path), wanted)
    ]


def operators_in(wanted: Any) -> Mapping[str, Any] | None:
    """`wanted` itself when it is `{"$op": operand, …}`; None when it is a value to be equal to."""
    if not isinstance(wanted, Mapping):
        return None
    keys = cast(Mapping[Any, Any], wanted)
    return cast(Mapping[str, Any], wanted) if any(str(key).startswith("$") for key in keys) else None


def _conditions(path: str, wanted: Any) -> list[Condition]:
    operators = operators_in(wanted)
    if operators is None:
        return [Condition(path, "$eq", plain_value(wanted, path))]
    return [_condition(path, operator, operand) for operator, operand in operators.items()]


def _condition(path: str, operator: str, operand: Any) -> Condition:
    if operator not in _OPERATORS:
        raise InvalidInputError(f"`{path}` has no operator {operator!r}: use one of {' '.join(_OPERATORS)}")
    if operator in _LISTS:
        if not isinstance(operand, list | tuple | Set):
            raise InvalidInputError(f"`{path}` {operator} needs a list of values")
        operand = list(cast(list[Any], operand))
    plain = plain_value(operand, path)
    if operator in RANGES and not isinstance(plain, str | int | float):
        raise InvalidInputError(f"`{path}` {operator} needs a number or a text to compare with")
    if operator == "$exists" and not isinstance(plain, bool):
        raise InvalidInputError(f"`{path}` $exists needs true or false")
    return Condition(path, cast(Operator, operator), plain)


def parse_sort(sort: Sort | None) -> list[Order]:
    """The whole order, ties included: it always ends with `_id`, so that no two documents change places."""
    orders: list[Order] = []
    for path, direction in sort or ():
        if direction not in (1, -1):
            raise InvalidInputError(f"Sort `{path}` by 1 or -1, not {direction!r}")
        if any(order.path == path for order in orders):
            raise InvalidInputError(f"`{path}` stands twice in one sort")
        orders.append(Order(checked_path(path), direction))
        if path == "_id":
            return orders
    return [*orders, Order("_id", 1)]


def checked_window(limit: int, skip: int) -> None:
    if limit < 0 or skip < 0:
        raise InvalidInputError(f"limit ({limit}) and skip ({skip}) cannot be below zero")
