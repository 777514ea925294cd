"""What a person set in the shell, told from what it only repeats of `millrace env`, maybe that of another stack."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from spine.access_tokens import is_access_token
from spine.errors import InvalidInputError

MARK: Final = "MILLRACE_ENV_OF"
"""What `millrace env` told a shell that has evaluated it, as JSON: `home`, and under `told` a digest by variable."""


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with a word on whose it is: a shell keeps it while the stack, or the home, becomes another."""
    told = {name: _digest(value) for name, value in environment.items()}
    return {**environment, MARK: json.dumps({"home": environment["MILLRACE_HOME"], "told": told})}


def forget_another_stack(home: Path, shell: MutableMapping[str, str] = os.environ) -> Path | None:
    """Remove what the `millrace env` of another home told the shell, but what was changed since; that home.

    Its addresses would otherwise count as servers that somebody else runs for the stack in `home`.
    """
    other, told = _evaluated(shell)
    if other is None or other.resolve() == home.resolve():
        return None
    for name, digest in told.items():
        if name in shell and _digest(shell[name]) == digest:
            del shell[name]
    del shell[MARK]
    return other


def chosen_admin_token(token: str | None, shell: Mapping[str, str] = os.environ) -> str | None:
    """The admin token that a person chose for a stack; None where the shell only repeats one, which may be an old one.

    `InvalidInputError` for a text that cannot be an admin token.
    """
    if token is None or _digest(token) == _evaluated(shell)[1].get("MILLRACE_TOKEN"):
        return None
    if is_access_token(token):
        raise InvalidInputError(
            "MILLRACE_TOKEN is a token that `millrace token create` made; it would become the stack's admin token. "
            "`unset MILLRACE_TOKEN`, or choose another text."
        )
    require_sendable(token)
    return token


def require_sendable(token: str) -> None:
    if not (token.isascii() and token.isprintable()):
        raise InvalidInputError("MILLRACE_TOKEN cannot be sent: a token is made of printable ASCII characters.")


def _evaluated(shell: Mapping[str, str]) -> tuple[Path | None, dict[str, str]]:
    """The home and the digests of the mark; nothing where there is none, or one that cannot be read."""
    try:
        mark: Any = json.loads(shell.get(MARK, ""))
        return Path(mark["home"]), {str(name): str(digest) for name, digest in mark["told"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()[:16]
