"""The settings as a command needs them: those of its own stack, and readable, or one clear line about what is not."""

from __future__ import annotations

from pathlib import Path

from deployments.stack.home import Home
from deployments.unusable_setting import unusable_setting
from spine.evaluated_shell import forget_another_stack
from spine.settings import Settings, settings


def checked_settings() -> Settings:
    """This process's settings, without what the shell was told of another stack.

    `InvalidInputError` naming the variable that does not fit.
    """
    leave_another_stack()
    return _readable_settings()


def leave_another_stack() -> Path | None:
    """Forget what this process's shell was told of the stack in another home; that home, the first time."""
    other = forget_another_stack(_readable_settings().home)
    if other is not None:
        settings.cache_clear()
    return other


def stack_home() -> Home:
    """The home that `MILLRACE_HOME` names."""
    return Home(checked_settings().home)


def _readable_settings() -> Settings:
    from pydantic import ValidationError

    try:
        return settings()
    except ValidationError as error:
        raise unusable_setting(error) from error
