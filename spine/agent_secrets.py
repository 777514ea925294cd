"""Which values of its environment an agent's output must not show, besides those that were saved as secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr

from spine.agent_commands import taken_over
from spine.agents_port import AgentCommand

_SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)(_|$)", re.IGNORECASE)
_SHORTEST = 8
"""Shorter ones are switches (`AIDER_TOKEN=no`), and to replace them would hide the output, not a secret."""


def secrets_in_environment(command: AgentCommand, own: Mapping[str, str]) -> list[SecretStr]:
    """Of what the command is given, by itself and out of `own` (`env_allow`): values whose variable is called a key, a
    token, a secret or a password, and passwords in addresses, such as a proxy's."""
    given = {**taken_over(command.env_allow, own), **command.env}
    return [SecretStr(found) for name, value in given.items() for found in _secrets_of(name, value)]


def _secrets_of(name: str, value: str) -> Iterator[str]:
    if _SECRET_NAME.search(name) and len(value) >= _SHORTEST:
        yield value
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        return
    if password:
        yield password
