"""Keys of language-model providers: what one looks like, and those that stand in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from spine.contracts.pipelines import Credential
from spine.settings import provider_base_url, provider_key

_PLACEHOLDER_KEY = "no-key-needed"  # local servers want none, SDKs insist on one


@dataclass(frozen=True, slots=True)
class ProviderCredential:
    """What it takes to speak to a provider. `base_url` None: the provider's own address."""

    api_key: SecretStr
    base_url: str | None = None


CredentialLookup = Callable[[str, str | None], ProviderCredential | None]
"""`(provider, name of a saved credential or None)` to what it takes to speak to the provider; None: no key."""


NamedCredentials = Callable[[str], Credential | None]
"""What a saved credential says about itself, by its name; None where there is none of that name."""


def no_named_credentials(name: str) -> Credential | None:
    """Where nothing is saved: the environment's keys have no names."""
    return None


def search_key() -> SecretStr | None:
    """The search provider's key in the environment (`TAVILY_API_KEY`)."""
    key = os.environ.get("TAVILY_API_KEY")
    return SecretStr(key) if key else None


def environment_credential(provider: str, name: str | None = None) -> ProviderCredential | None:
    """The key and address in the environment. OpenAI's address without a key stands for a local server."""
    configured_as = "openai" if provider == "openai-compatible" else provider
    key, base_url = provider_key(configured_as), provider_base_url(configured_as)
    if provider == "openai-compatible" and base_url is None:
        return None
    if key is None and (configured_as != "openai" or base_url is None):
        return None
    return ProviderCredential(SecretStr(key or _PLACEHOLDER_KEY), base_url)
