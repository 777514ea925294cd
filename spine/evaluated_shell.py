"""What a shell only repeats of `millrace env`, told from what a person set there, and whose it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from spine.errors import NotConfiguredError

MARK: Final = "MILLRACE_ENV_OF"
"""What `millrace env` told a shell that has evaluated it, as JSON: `home`, and under `told` a digest by variable."""


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with a word on whose it is: a shell keeps it while the stack, or the home, becomes another."""
    told = {name: _digest(value) for name, value in environment.items()}
    return {**environment, MARK: json.dumps({"home": environment["MILLRACE_HOME"], "told": told})}


def is_repeated(name: str, value: str, shell: Mapping[str, str] = os.environ) -> bool:
    """Whether `millrace env` told the shell this value of the variable."""
    return _evaluated(shell)[1].get(name) == _digest(value)


def forget_another_stack(home: Path, shell: MutableMapping[str, str] = os.environ) -> Path | None:
    """Remove what the `millrace env` of another home told the shell, but what was changed since; that home.

    Its addresses would otherwise count as servers that somebody else runs for the stack in `home`.
    """
    other, told = _of_another(home, shell)
    if other is None:
        return None
    for name in told:
        del shell[name]
    del shell[MARK]
    return other


def require_no_other_stack(home: Path, shell: Mapping[str, str] = os.environ) -> None:
    """For a process that cannot forget it any more, because what it has imported has read it: `NotConfiguredError`
    where the shell repeats the `millrace env` of another home. Work would be stored in one and queued in the other."""
    other, told = _of_another(home, shell)
    if told:
        raise NotConfiguredError(
            f"This shell has evaluated `millrace env` of the stack in {other}, and MILLRACE_HOME is {home}: evaluate "
            "that of the one you mean, or use another shell.",
            what="MILLRACE_HOME",
        )


def _of_another(home: Path, shell: Mapping[str, str]) -> tuple[Path | None, list[str]]:
    other, told = _evaluated(shell)
    if other is None or other.resolve() == home.resolve():
        return None, []
    return other, [name for name, digest in told.items() if name in shell and _digest(shell[name]) == digest]


def _evaluated(shell: Mapping[str, str]) -> tuple[Path | None, dict[str, str]]:
    """The home and the digests of the mark; nothing where there is none, or one that cannot be read."""
    try:
        mark: Any = json.loads(shell.get(MARK, ""))
        return Path(mark["home"]), {str(name): str(digest) for name, digest in mark["told"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()[:16]
