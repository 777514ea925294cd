"""Refusals that name each field of the input: one error that carries all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spine.errors import InvalidInputError

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `message` says what may stand there and never repeats the refused value."""

    field: str
    message: str


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise `InvalidInputError` with `.fields` (`{field, message}` each) unless there is nothing to complain of."""
    if not errors:
        return
    told = "; ".join(f"{error.field}: {error.message}" for error in errors[:_SHOWN])
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    raise InvalidInputError(told + more, fields=[{"field": one.field, "message": one.message} for one in errors])


def field_errors(error: ValidationError, prefix: str = "") -> list[FieldError]:
    """A validation's complaints by field, under `prefix.` when one is given."""
    return [_field_error(item, prefix) for item in error.errors(include_url=False, include_input=False)]


def _field_error(item: Any, prefix: str) -> FieldError:
    place = [prefix, *(str(part) for part in item["loc"])]
    return FieldError(
        ".".join(part for part in place if part) or "body", str(item["msg"]).removeprefix("Value error, ")
    )
