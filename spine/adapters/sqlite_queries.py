"""Conditions, orders and indexes of the document store as SQL text with parameters.

Every collection is a table `(id, body)`, with the document as JSON in `body`. One SQL expression per path turns JSON
values into SQLite values that are equal, ordered and indexed as MongoDB does it:

    null, absent  → -Inf    booleans → x'ff00', x'ff01'    objects, lists → blobs before the booleans
    numbers       → themselves    texts → themselves       (SQLite sorts numbers < texts < blobs)

Because nothing is ever NULL, plain `=`, `<>`, `IN` and unique indexes treat null as a value, as MongoDB does.
Paths and collections stand in the text, since only a literal expression meets its index; both are checked names
(`document_values`). Every value is a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from spine.document_conditions import Condition, Order
from spine.document_values import order_key

NOTHING: Final = float("-inf")
_FALSE: Final = b"\xff\x00"
_TRUE: Final = b"\xff\x01"
# The smallest value of a type, and the first one after it: a range stays inside the operand's type.
_TYPE_BOUNDS: Final[dict[type, tuple[Any, Any]]] = {
    int: (-1.7976931348623157e308, ""),
    float: (-1.7976931348623157e308, ""),
    str: ("", b""),
    bool: (_FALSE, b"\xff\x02"),
}
_COMPARISONS: Final = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


def create_table(collection: str) -> Sql:
    # `id` has no declared type: SQLite then compares it as it is, and the number 5 never meets the text "5".
    return Sql(f'CREATE TABLE IF NOT EXISTS "{collection}" (id PRIMARY KEY NOT NULL, body TEXT NOT NULL)')


def create_index(collection: str, paths: Sequence[str], *, unique: bool) -> Sql:
    """An index on the expressions that queries use. A unique one sets documents without the first path apart by id."""
    columns = [value_expression(path) for path in paths]
    if unique:
        columns.append(f"CASE WHEN {_json_type(paths[0])} IS NULL THEN id ELSE '' END")
    kind = "UNIQUE INDEX" if unique else "INDEX"
    name = index_name(collection, paths, unique=unique)
    return Sql(f'CREATE {kind} IF NOT EXISTS "{name}" ON "{collection}" ({", ".join(columns)})')


def index_name(collection: str, paths: Sequence[str], *, unique: bool) -> str:
    return f"{'unique ' if unique else ''}{collection}({','.join(paths)})"


def insert(collection: str, id: str, body: str) -> Sql:
    return Sql(f'INSERT INTO "{collection}" (id, body) VALUES (?, ?)', (id, body))  # noqa: S608


def upsert(collection: str, id: str, body: str) -> Sql:
    made = insert(collection, id, body)
    return Sql(f"{made.text} ON CONFLICT (id) DO UPDATE SET body = excluded.body", made.values)


def replace(collection: str, id: str, body: str) -> Sql:
    return Sql(f'UPDATE "{collection}" SET body = ? WHERE id = ?', (body, id))  # noqa: S608


def select(
    collection: str, conditions: Sequence[Condition], orders: Sequence[Order], *, limit: int = 0, skip: int = 0
) -> Sql:
    """Rows of `(id, body)`; `limit=0` means all of them."""
    where = _where(conditions)
    text = f'SELECT id, body FROM "{collection}"{where.text}{_order_by(orders)} LIMIT ? OFFSET ?'  # noqa: S608
    return Sql(text, (*where.values, limit or -1, skip))


def count(collection: str, conditions: Sequence[Condition]) -> Sql:
    where = _where(conditions)
    return Sql(f'SELECT count(*) FROM "{collection}"{where.text}', where.values)  # noqa: S608


def delete(collection: str, conditions: Sequence[Condition]) -> Sql:
    where = _where(conditions)
    return Sql(f'DELETE FROM "{collection}"{where.text}', where.values)  # noqa: S608


@lru_cache(maxsize=1024)
def value_expression(path: str, row: str = "") -> str:
    """What `path` holds as a SQLite value (see the table above), in a trigger that of `OLD.` or `NEW.`.

    Remembered: the code asks by a few dozen paths, and putting their text together was a third of a call.
    """
    if path == "_id":
        return f"{row}id"
    value = f"json_extract({row}body, '{json_path(path)}')"
    return (
        f"CASE {_json_type(path, row)} WHEN 'true' THEN x'ff01' WHEN 'false' THEN x'ff00'"
        f" WHEN 'object' THEN CAST('1' || {value} AS BLOB) WHEN 'array' THEN CAST('2' || {value} AS BLOB)"
        f" ELSE ifnull({value}, -9e999) END"
    )


def same_json(one: str, other: str) -> bool:
    """Whether two JSON texts are equal documents; installed as an SQL function of this name."""
    return order_key(json.loads(one)) == order_key(json.loads(other))


def _where(conditions: Sequence[Condition]) -> Sql:
    if not conditions:
        return Sql("")
    parts = [_condition(condition) for condition in conditions]
    text = " AND ".join(f"({part.text})" for part in parts)
    return Sql(f" WHERE {text}", tuple(value for part in parts for value in part.values))


def _condition(condition: Condition) -> Sql:
    path, operand = condition.path, condition.operand
    match condition.operator:
        case "$eq":
            return _one_of(path, [operand])
        case "$ne":
            return _negated(_one_of(path, [operand]))
        case "$in":
            return _one_of(path, operand)
        case "$nin":
            return _negated(_one_of(path, operand))
        case "$exists":
            return Sql(f"{_json_type(path)} IS {'NOT ' if operand else ''}NULL")
        case _:
            return _range(path, condition.operator, operand)


def _one_of(path: str, operands: Sequence[Any]) -> Sql:
    compounds = tuple(
        json.dumps(operand, ensure_ascii=False) for operand in operands if isinstance(operand, dict | list)
    )
    tests = [f"same_json(json_quote(json_extract(body, '{json_path(path)}')), ?)" for _ in compounds]
    scalars = [operand for operand in operands if not isinstance(operand, dict | list)]
    plain = one_of_values(value_expression(path), scalars)
    if scalars or not compounds:
        tests.insert(0, plain.text)
    return Sql(" OR ".join(tests), (*plain.values, *compounds))


def one_of_values(expression: str, operands: Sequence[Any]) -> Sql:
    """Whether the expression has one of these values, none of them an object or a list."""
    if not operands:
        return Sql("0")
    test = "= ?" if len(operands) == 1 else f"IN ({', '.join('?' * len(operands))})"
    return Sql(f"{expression} {test}", tuple(_scalar(operand) for operand in operands))


def _negated(condition: Sql) -> Sql:
    return Sql(f"NOT ({condition.text})", condition.values)


def _range(path: str, operator: str, operand: Any) -> Sql:
    expression = value_expression(path)
    smallest, beyond = _TYPE_BOUNDS[type(operand)]
    comparison = f"{expression} {_COMPARISONS[operator]} ?"
    if operator in ("$gt", "$gte"):
        return Sql(f"{comparison} AND {expression} < ?", (_scalar(operand), beyond))
    return Sql(f"{expression} >= ? AND {comparison}", (smallest, _scalar(operand)))


def _scalar(value: Any) -> Any:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    return value


def _order_by(orders: Sequence[Order]) -> str:
    terms = [f"{value_expression(order.path)}{' DESC' if order.direction < 0 else ''}" for order in orders]
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def json_path(path: str) -> str:
    return "$" + "".join(f'."{name}"' for name in path.split("."))


def _json_type(path: str, row: str = "") -> str:
    return f"json_type({row}body, '{json_path(path)}')"
