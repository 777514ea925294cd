"""What a command says of a variable that settings cannot be read from: its name and the fault, never its value."""

from __future__ import annotations

from pydantic import ValidationError

from spine.errors import InvalidInputError


def unusable_setting(error: ValidationError, prefix: str = "MILLRACE_") -> InvalidInputError:
    """The first fault of settings whose variables begin with `prefix`."""
    first = error.errors()[0]
    name = prefix + "_".join(str(place) for place in first["loc"]).upper()
    return InvalidInputError(f"{name} cannot be used: {first['msg']}.")
