"""Which token of a shell becomes the admin token of the stack that `up` starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

from spine.access_tokens import is_access_token
from spine.errors import InvalidInputError
from spine.evaluated_shell import is_repeated


def chosen_admin_token(token: str | None, shell: Mapping[str, str] = os.environ) -> str | None:
    """The admin token that a person chose for a stack; None where the shell only repeats one, which may be an old one.

    `InvalidInputError` for a text that cannot be an admin token.
    """
    if token is None or is_repeated("MILLRACE_TOKEN", token, shell):
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
