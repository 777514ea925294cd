"""Keys of language-model providers: what one looks like, and those that stand in the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from spine.settings import provider_base_url, provider_key

_PLACEHOLDER_KEY = "no-key-needed"  # local servers want none, SDKs insist on one


@dataclass(frozen=True, slots=True)
class ProviderCredential:
    """What it takes to speak to a provider. `base_url` None: the provider's own address."""

    api_key: SecretStr
    base_url: str | None = None


CredentialLookup = Callable[[str, str | None], ProviderCredential | None]
"""`(provider, name of a saved credential or None)` to what it takes to speak to the provider; None: no key."""


def environment_credential(provider: str, name: str | None = None) -> ProviderCredential | None:
    """The key and address in the environment. OpenAI's address without a key stands for a local server."""
    configured_as = "openai" if provider == "openai-compatible" else provider
    key, base_url = provider_key(configured_as), provider_base_url(configured_as)
    if provider == "openai-compatible" and base_url is None:
        return None
    if key is None and (configured_as != "openai" or base_url is None):
        return None
    return ProviderCredential(SecretStr(key or _PLACEHOLDER_KEY), base_url)
