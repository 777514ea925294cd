"""Conditions on the ways of a graph: comparisons over a module's output, read and never executed.

    answerable == true          category in ["billing", "order"]        score >= 0.5 and not (entities == [])

Python's own parser reads the text; only the nodes below are understood, so that a condition can compare and nothing
else. A name is a field of the output, `a.b` a field of a field. Only values of one kind are put in order.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from spine.errors import InvalidInputError
from spine.strict_json import same_json

_CONSTANTS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None, "none": None}
_LONGEST: Final = 500

_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: same_json,
    ast.NotEq: lambda left, right: not same_json(left, right),
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: _is_in(left, right),
    ast.NotIn: lambda left, right: not _COMPARE[ast.In](left, right),
}


def _is_in(left: Any, right: Any) -> bool:
    return any(same_json(left, item) for item in right) if isinstance(right, list) else left in right


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> ast.expr:
    """The condition's tree. `InvalidInputError` says what in it is not understood."""
    if len(text) > _LONGEST:
        raise InvalidInputError(f"The condition is longer than {_LONGEST} characters: {text[:60]}…")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInputError(
            f"The condition {text!r} is not understood: {error or type(error).__name__}. "
            "It compares fields with values, such as: answerable == true and score >= 0.5"
        ) from None
    return tree


def holds(text: str, output: Mapping[str, Any]) -> bool:
    """Whether the condition is true of the output. `InvalidInputError` for a field that the output does not have."""
    try:
        return bool(_value(parse_condition(text), output))
    except TypeError as error:
        raise InvalidInputError(f"The condition {text!r} compares what cannot be compared: {error}.") from None


def fields_of(text: str) -> frozenset[str]:
    """Fields of the output that the condition asks for; of `a.b`, `a`."""
    names = {node.id for node in ast.walk(parse_condition(text)) if isinstance(node, ast.Name)}
    return frozenset(names - _CONSTANTS.keys())


def _check(node: ast.expr) -> None:
    """Raise ValueError at the first part that a condition may not have."""
    match node:
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                _check(part)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            _check(operand)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for part in (left, *others):
                _check(part)
            if unknown := next((op for op in ops if type(op) not in _COMPARE), None):
                raise ValueError(f"there is no {type(unknown).__name__.lower()}")
        case ast.Attribute(value=ast.Name() | ast.Attribute() as owner):
            _check(owner)
        case ast.Constant(value=bool() | int() | float() | str() | None) | ast.Name():
            return
        case _:
            raise ValueError(f"{ast.unparse(node)} is neither a field, a value nor a comparison")


def _value(node: ast.expr, output: Mapping[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, output) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, output) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, output)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, output)
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(part, output) for part in (left, *others)]
            return all(_COMPARE[type(op)](values[at], values[at + 1]) for at, op in enumerate(ops))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, output) for part in parts]
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.Name(id=name):
            return _field(output, name)
        case ast.Attribute(value=owner, attr=name):
            return _field(_value(owner, output), name)
        case ast.Constant(value=value):
            return value
        case _:  # _check lets nothing else through
            raise AssertionError(ast.dump(node))


def _field(owner: Any, name: str) -> Any:
    if isinstance(owner, Mapping) and name in owner:
        return owner[name]
    has = ", ".join(map(str, owner)) if isinstance(owner, Mapping) else type(owner).__name__
    raise InvalidInputError(f"A condition asks for the field {name!r}; there is only: {has or 'nothing'}.")
