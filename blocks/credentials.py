"""Keys of language-model providers as they are now: saved blocks first, the environment where there is none."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from types import TracebackType
from typing import Self

from blocks.language_model import LanguageModelCredentials
from spine.provider_keys import ProviderCredential, environment_credential

_logger = logging.getLogger("millrace.credentials")
REFRESH_SECONDS = 15.0


class BlockCredentials:
    """Looks keys up in a copy of the saved blocks that is renewed every 15 s, so that a key rotated in the Prefect
    UI is used without a restart. Without a Prefect server in sight (`PREFECT_API_URL` unset) only the environment
    counts."""

    def __init__(self) -> None:
        self._saved: dict[str, LanguageModelCredentials] = {}
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if os.environ.get("PREFECT_API_URL"):
            await self.refresh()
            self._refresher = asyncio.create_task(self._refresh_forever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher

    def find(self, provider: str, name: str | None) -> ProviderCredential | None:
        """The named block if it is of this provider, else any saved block of the provider, else the environment."""
        block = self._named(provider, name) or self._any_of(provider)
        if block is None:
            return environment_credential(provider, name)
        return ProviderCredential(api_key=block.api_key, base_url=block.base_url)

    async def refresh(self) -> None:
        """Read the saved blocks again; when that fails, the last known ones stay in force."""
        try:
            self._saved = await saved_blocks()
        except Exception as error:
            # Prefect raises whatever its HTTP client met; a review must not fail because the UI's server is away.
            _logger.warning("saved credentials could not be read (%s); the last known ones stay", type(error).__name__)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    def _named(self, provider: str, name: str | None) -> LanguageModelCredentials | None:
        block = self._saved.get(name) if name else None
        return block if block is not None and block.provider == provider else None

    def _any_of(self, provider: str) -> LanguageModelCredentials | None:
        of_provider = {name: block for name, block in self._saved.items() if block.provider == provider}
        if not of_provider:
            return None
        return of_provider.get("default") or of_provider[min(of_provider)]


async def saved_blocks() -> dict[str, LanguageModelCredentials]:
    """Every saved language-model credential by its name; empty when the block type was never registered."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    slug = LanguageModelCredentials.get_block_type_slug()
    async with get_client() as client:
        try:
            documents = await client.read_block_documents_by_type(slug, include_secrets=True)
        except ObjectNotFound:
            return {}
    return {
        document.name: LanguageModelCredentials.model_validate(document.data)
        for document in documents
        if document.name is not None
    }
