"""JSON read and compared strictly: what two readers could understand differently is refused (RFC 7493)."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, cast

from spine.errors import InvalidInputError

_LARGEST = 2**63


def read_json_object(body: bytes) -> dict[str, Any]:
    """The object in `body`.

    Raises:
        InvalidInputError: it is no UTF-8 JSON object, a key stands in one object twice, a number is NaN or larger
            than 64 bits hold, or a text has half a surrogate pair in it. The message repeats no piece of the body.
    """
    try:
        found = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_in_range,
        )
        if b"\\ud" in body.lower():  # half a pair can only come from an escape
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"The body is no JSON that can be read: {_reason(error)}.") from error
    if not isinstance(found, dict):
        raise InvalidInputError("The body must be a JSON object.")
    return found


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: true is not 1, which Python says, and fields stand in any order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        a, b = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return a.keys() == b.keys() and all(same_json(a[name], b[name]) for name in a)
    if isinstance(one, list) and isinstance(other, list):
        c, d = cast("list[Any]", one), cast("list[Any]", other)
        return len(c) == len(d) and all(map(same_json, c, d))
    return one == other


class _UnsoundError(ValueError):
    """What a strict reader refuses; its text may be shown."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _UnsoundError("a key stands in one object twice")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise _UnsoundError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _UnsoundError("a number is too large")
    return number


def _in_range(text: str) -> int:
    number = int(text) if len(text) < 25 else _LARGEST
    if not -_LARGEST <= number < _LARGEST:
        raise _UnsoundError("a number is too large")
    return number


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "a text has half a surrogate pair in it"
    return str(error) if isinstance(error, _UnsoundError) else "it nests too deep"
