"""Which user a program runs as that refuses to run as root."""

from __future__ import annotations

import os
import pwd

from deployments.stack.parts import Account
from spine.errors import NotConfiguredError


def unprivileged(*preferred: str) -> Account | None:
    """The first of the `preferred` users that exists; None when this process is not root and needs no other user."""
    if os.geteuid() != 0:
        return None
    for name in preferred:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotConfiguredError(
        f"None of the users {', '.join(preferred)} exists: PostgreSQL does not run as root. "
        "Create one of them, or run the stack as a normal user.",
        what="user",
    )
