"""Turns a command's template into what is executed: placeholders filled, one argument staying one argument."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from spine.agents_port import AgentCommand
from spine.errors import InvalidInputError

PLACEHOLDERS = ("prompt_file", "workdir", "card_id", "python")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(command: AgentCommand, values: Mapping[str, str]) -> AgentCommand:
    """The command with each `{name}` of its argv replaced; other braces stay as they are.

    Raises `InvalidInputError` for a name that has no value, and for a value that would become an option of its own.
    """
    return replace(command, argv=tuple(_filled(word, command, values) for word in command.argv))


def check(command: AgentCommand) -> None:
    """`InvalidInputError` when the template can never be run: no program, an unknown placeholder, a bad marker."""
    if not command.argv or not command.argv[0].strip():
        raise InvalidInputError(f"The agent {command.name!r} has no command; give its argv a program.")
    fill(command, dict.fromkeys(PLACEHOLDERS, "x"))
    if command.prompt_by == "file" and not any("{prompt_file}" in word for word in command.argv):
        raise InvalidInputError(
            f"The agent {command.name!r} takes its prompt by file: put {{prompt_file}} in its argv."
        )
    for marker in command.markers:
        _check_marker(marker, command.name)
    limits = command.limits
    if not 0 < limits.soft_seconds <= limits.hard_seconds:
        raise InvalidInputError(f"The agent {command.name!r} needs limits with 0 < soft_seconds <= hard_seconds.")


def taken_over(patterns: Iterable[str], own: Mapping[str, str]) -> dict[str, str]:
    """The variables of `own` that a pattern fits; `LC_*` stands for all names that begin so."""
    return {name: value for name, value in own.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}


def _filled(word: str, command: AgentCommand, values: Mapping[str, str]) -> str:
    def value_of(found: re.Match[str]) -> str:
        if (value := values.get(found[1])) is None:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise InvalidInputError(f"The agent {command.name!r} asks for {found[0]}; there are only {known}.")
        return value

    text = _PLACEHOLDER.sub(value_of, word)
    if text.startswith("-") and not word.startswith("-"):
        raise InvalidInputError(f"The agent {command.name!r} would be given {text!r}, which reads like an option.")
    return text


def _check_marker(marker: str, name: str) -> None:
    try:
        groups = re.compile(marker).groupindex
    except re.error as error:
        raise InvalidInputError(
            f"The marker {marker!r} of the agent {name!r} is no regular expression: {error}."
        ) from error
    if "percent" not in groups and "step" not in groups:
        raise InvalidInputError(
            f"The marker {marker!r} of the agent {name!r} finds nothing: name a group (?P<percent>…) or (?P<step>…)."
        )
