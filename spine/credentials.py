"""Where the services look keys up: in the environment, unless who opens them knows better."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from spine.accounts import Accounts, EnvironmentAccounts
from spine.provider_keys import (
    CredentialLookup,
    NamedCredentials,
    environment_credential,
    no_named_credentials,
    search_key,
)
from spine.publishing_port import SiteLogin
from spine.saved_agents import FindAgent, no_saved_agents
from spine.sink_port import SinkAddress, no_sink

Refresh = Callable[[], Awaitable[None]]


async def nothing_to_refresh() -> None:
    """Credentials of the environment are as they were at the start."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Each is asked every time a key is needed, so that a rotated key counts at once."""

    model: CredentialLookup = environment_credential
    site: Callable[[], SiteLogin | None] = lambda: None
    search: Callable[[], SecretStr | None] = search_key
    named: NamedCredentials = no_named_credentials
    accounts: Accounts = field(default_factory=EnvironmentAccounts)
    agent: FindAgent = no_saved_agents
    sink: Callable[[str], SinkAddress | None] = no_sink
    refresh: Refresh = nothing_to_refresh


ENVIRONMENT: Final = Credentials()
"""Keys of the environment alone."""
