"""Typed answers from language models, along a chain of providers; keys stand in no message, attempt, log or repr."""

from __future__ import annotations

from collections.abc import Sequence

from spine.adapters.model_turn import Turn
from spine.adapters.model_wire import ModelWire
from spine.errors import MillraceError, NotConfiguredError
from spine.model_chain import Attempt, answer_extractively, walk_chain
from spine.ports import ModelChoice, ModelReply, ModelRequest, T
from spine.provider_keys import CredentialLookup, ProviderCredential, environment_credential
from spine.settings import FALLBACK_ORDER

PROVIDERS = (*FALLBACK_ORDER, "openai-compatible", "extractive")


class PydanticAiModels:
    """Implements `spine.ports.Models`.

    Connections live per event loop until `close`; nothing else is remembered between two answers.
    `longest_wait` (seconds) is how long a `Retry-After` may be for the same provider to be asked again.
    """

    def __init__(
        self,
        credentials: CredentialLookup = environment_credential,
        *,
        longest_wait: float = 20.0,
        wire: ModelWire | None = None,
    ) -> None:
        self._credentials = credentials
        self._longest_wait = longest_wait
        self._wire = wire or ModelWire()

    async def answer(self, request: ModelRequest[T], chain: Sequence[ModelChoice]) -> ModelReply[T]:
        """See `spine.ports.Models`. Raises `NotConfiguredError` for an empty chain."""
        return await walk_chain(request, chain, self._ask)

    def available(self) -> list[str]:
        """Providers that have a key now, in the fallback order."""
        return [provider for provider in FALLBACK_ORDER if self._credentials(provider, None) is not None]

    async def close(self) -> None:
        await self._wire.close()

    async def _ask(self, request: ModelRequest[T], attempt: Attempt[T]) -> T | MillraceError:
        choice = attempt.choice
        if choice.provider == "extractive":
            return await answer_extractively(request)
        credential = credential_for(choice, self._credentials)
        if isinstance(credential, MillraceError):
            return credential
        return await Turn(request, attempt, credential, self._wire, self._longest_wait).take()


def credential_for(choice: ModelChoice, lookup: CredentialLookup) -> ProviderCredential | MillraceError:
    """What it takes to ask this link of a chain, or why it cannot be asked."""
    try:
        credential = lookup(choice.provider, choice.credential)
    except MillraceError as error:  # a saved credential that cannot be read is this link's failure only
        return error
    if credential is None:
        return NotConfiguredError(_no_key(choice), what=f"a key for {choice.provider}")
    if choice.provider not in PROVIDERS and credential.base_url is None:
        return NotConfiguredError(
            f"{choice.provider!r} is no provider; known are {', '.join(PROVIDERS)}, "
            "or any name whose credential has the base_url of an OpenAI-compatible server",
            what="provider",
        )
    return credential


def _no_key(choice: ModelChoice) -> str:
    if choice.credential is not None:
        return f"{choice.provider} has no key: there is no saved credential {choice.credential!r} with one"
    return f"{choice.provider} has no key: save a credential for it, or set its API key in the environment"
