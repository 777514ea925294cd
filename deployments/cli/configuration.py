"""The settings as a command needs them: readable, or one clear line about what is not."""

from __future__ import annotations

from deployments.stack.home import Home
from spine.errors import InvalidInputError
from spine.settings import Settings, settings


def checked_settings() -> Settings:
    """This process's settings; `InvalidInputError` naming the variable that does not fit."""
    from pydantic import ValidationError

    try:
        return settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "MILLRACE_" + "_".join(str(place) for place in first["loc"]).upper()
        raise InvalidInputError(f"{name} cannot be used: {first['msg']}.") from error


def stack_home() -> Home:
    """The home that `MILLRACE_HOME` names."""
    return Home(checked_settings().home)
