"""Counts that are kept as documents are written: a total then costs the same however many documents there are.

A tally is a table beside a collection's, with one row for each combination of values at its paths and the number of
documents that hold it. Triggers keep it in the transaction of the write itself, whoever writes, so that it is never
behind. SQLite alone would walk the index over every match, which is what most of a filtered page of 100,000 costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spine.adapters.sqlite_queries import Sql, json_path, one_of_values, value_expression
from spine.document_conditions import Condition

Tally = tuple[str, ...]
"""The paths that are counted by."""


def find_tables(collection: str) -> Sql:
    """The names of its own table and of those of its tallies, as far as there are any."""
    named = (collection, f"{collection}#*")
    return Sql("SELECT name FROM sqlite_master WHERE type = 'table' AND (name = ? OR name GLOB ?)", named)


def tallies_in(tables: Iterable[str]) -> set[Tally]:
    return {tuple(paths.split(",")) for table in tables if (paths := table.partition("#")[2])}


def make_tally(collection: str, tally: Tally) -> list[Sql]:
    """The statements that make it, one transaction together: its table, what is stored now, and what keeps it."""
    table, columns = _table(collection, tally), [_column(place) for place in range(len(tally))]
    stored, before, after = ([value_expression(path, row) for path in tally] for row in ("", "OLD.", "NEW."))
    leaves = f'UPDATE "{table}" SET number = number - 1 WHERE {_all_equal(columns, before)}'  # noqa: S608
    enters = (
        f'INSERT INTO "{table}" VALUES ({", ".join(after)}, 1) '  # noqa: S608
        f"ON CONFLICT ({', '.join(columns)}) DO UPDATE SET number = number + 1"
    )
    moves = f"{_together(tally, 'OLD.')} IS NOT {_together(tally, 'NEW.')}"
    named, values = ", ".join(columns), ", ".join(stored)
    groups = ", ".join(str(place) for place in range(1, len(tally) + 1))
    return [
        Sql(f'CREATE TABLE "{table}" ({named}, number INTEGER NOT NULL, PRIMARY KEY ({named})) WITHOUT ROWID'),
        Sql(f'INSERT INTO "{table}" SELECT {values}, count(*) FROM "{collection}" GROUP BY {groups}'),  # noqa: S608
        _trigger("INSERT", table, collection, f"BEGIN {enters}; END"),
        _trigger("DELETE", table, collection, f"BEGIN {leaves}; END"),
        _trigger("UPDATE", table, collection, f"WHEN {moves} BEGIN {leaves}; {enters}; END"),
    ]


def _together(tally: Tally, row: str) -> str:
    """The values at all paths as one JSON array. Every write of the collection compares it, so that it must be cheap:
    one look into the document, where `value_expression` takes two for each path. Of one path alone SQLite would give
    the bare value, in which true is 1."""
    paths = ", ".join(f"'{json_path(path)}'" for path in (*tally, tally[0]))
    return f"json_extract({row}body, {paths})"


def _trigger(on: str, table: str, collection: str, work: str) -> Sql:
    return Sql(f'CREATE TRIGGER "{table} {on.lower()}" AFTER {on} ON "{collection}" {work}')


def total(collection: str, tallies: Iterable[Tally], conditions: Sequence[Condition]) -> Sql | None:
    """The number of documents that match, from a tally that knows; None when none does."""
    for tally in tallies:
        tests = [_test(condition, tally) for condition in conditions]
        if conditions and None not in tests:
            known = [test for test in tests if test is not None]
            where = " AND ".join(f"({test.text})" for test in known)
            return Sql(
                f'SELECT ifnull(sum(number), 0) FROM "{_table(collection, tally)}" WHERE {where}',  # noqa: S608
                tuple(value for test in known for value in test.values),
            )
    return None


def _test(condition: Condition, tally: Tally) -> Sql | None:
    """The condition on the tally's own columns; None for one that they cannot tell."""
    if condition.path not in tally or condition.operator not in ("$eq", "$in"):
        return None
    operands = condition.operand if condition.operator == "$in" else [condition.operand]
    if any(isinstance(operand, dict | list) for operand in operands):
        return None
    return one_of_values(_column(tally.index(condition.path)), operands)


def _table(collection: str, tally: Tally) -> str:
    return f"{collection}#{','.join(tally)}"


def _column(place: int) -> str:
    return f"value{place}"


def _all_equal(columns: Sequence[str], values: Sequence[str]) -> str:
    return " AND ".join(f"{column} = {value}" for column, value in zip(columns, values, strict=True))
