"""What the shell says of port and token: what a person set there, told from what it only repeats of `millrace env`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from spine.access_tokens import is_access_token
from spine.errors import InvalidInputError

MARK: Final = "MILLRACE_ENV_OF"
"""`PORT:DIGEST:HOME` of the stack whose environment a shell has evaluated; the digest is the token's."""


def marked(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with a word on whose it is: a shell keeps it while the stack, or the home, becomes another."""
    port, token, home = (environment[name] for name in ("MILLRACE_PORT", "MILLRACE_TOKEN", "MILLRACE_HOME"))
    return {**environment, MARK: f"{port}:{_digest(token)}:{home}"}


def is_of_another(home: Path, shell: Mapping[str, str] = os.environ) -> bool:
    """Whether the shell's port or token were told it by the `millrace env` of another home."""
    port, digest, told = _evaluated(shell)
    if not told or Path(told).resolve() == home.resolve():
        return False
    return shell.get("MILLRACE_PORT") == port or _digest(shell.get("MILLRACE_TOKEN", "")) == digest


def chosen_admin_token(token: str | None, shell: Mapping[str, str] = os.environ) -> str | None:
    """The admin token that a person chose for a stack; None where the shell only repeats one, which may be an old one.

    `InvalidInputError` for a text that cannot be an admin token.
    """
    if token is None or _digest(token) == _evaluated(shell)[1]:
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


def _evaluated(shell: Mapping[str, str]) -> tuple[str, str, str]:
    port, _, rest = shell.get(MARK, "").partition(":")
    digest, _, home = rest.partition(":")
    return port, digest, home


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()[:16]
