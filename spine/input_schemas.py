"""JSON Schemas that a graph declares for its input: read whole, and checked in time that grows with the input alone.

A `pattern` meets text of strangers inside the gateway's event loop. Its engine never looks back (RE2's way), so no
text makes it slow; look-around and back references, which cannot be had that way, are refused with the schema.
Nothing is fetched: a schema is whole in itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NoReturn

from jsonschema_rs import Draft202012Validator, ReferencingError, RegexOptions, ValidationError

from spine.errors import InvalidInputError

_TOLD: Final = 5
_LONGEST: Final = 200


def read_schema(schema: Mapping[str, Any]) -> Draft202012Validator:
    """What checks by the schema; `InvalidInputError` says why it cannot be used."""
    try:
        return Draft202012Validator(dict(schema), pattern_options=RegexOptions(), retriever=_fetch_nothing)
    except ValidationError as error:
        raise InvalidInputError(f"input is no JSON Schema that can be used: {_reason(error)}") from None
    except (ReferencingError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"input is no JSON Schema that can be used: {error}") from None


def misfits(schema: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What in `given` does not fit, each with its place; a few of them."""
    return [_told(problem) for problem in islice(_problems(schema, given), _TOLD)]


def _problems(schema: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[ValidationError]:
    return read_schema(schema).iter_errors(dict(given))


def _fetch_nothing(address: str) -> NoReturn:
    raise ValueError("a part that lies elsewhere is not fetched")


def _reason(error: ValidationError) -> str:
    if error.message.endswith('is not a "regex"'):
        return f"{error.message} (look-around and back references are none that can be matched in bounded time)"
    return error.message


def _told(problem: ValidationError) -> str:
    """Where and what; the message quotes the input, which may be long."""
    place = ".".join(map(str, problem.instance_path)) or "input"
    return f"{place}: {_shortened(problem.message)}"


def _shortened(message: str) -> str:
    """Begin and end: what is quoted comes first, what is wrong with it last."""
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
