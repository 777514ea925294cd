"""Credentials as they are now: saved blocks first, the environment where there is none."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from prefect.blocks.core import Block
from pydantic import SecretStr

from blocks.accounts import BlockAccounts
from blocks.agent_command import AgentCommand
from blocks.graph_sink import GraphSink
from blocks.language_model import LanguageModelCredentials
from blocks.saved_blocks import FILTER, SavedValues, read_saved
from blocks.search_provider import SearchProvider
from blocks.wordpress_site import WordPressSite
from spine.contracts.pipelines import Credential
from spine.credentials import Credentials
from spine.provider_keys import ProviderCredential, environment_credential, search_key
from spine.publishing_port import SiteLogin
from spine.saved_agents import SavedAgent
from spine.sink_port import SinkAddress

_logger = logging.getLogger("millrace.credentials")
REFRESH_SECONDS = 15.0
_SHORTEST_SECONDS = 1.0
DEFAULT = "default"
"""Name of the block that is used where nothing names another."""

B = TypeVar("B", bound=Block)

_KINDS: tuple[type[Block], ...] = (LanguageModelCredentials, WordPressSite, SearchProvider, AgentCommand, GraphSink)


class BlockCredentials:
    """Looks keys up in a copy of the saved blocks that is renewed every 15 s, so that a key rotated in the Prefect
    UI is used without a restart. Without a Prefect server in sight (`PREFECT_API_URL` unset) only the environment
    counts, and names of credentials mean nothing."""

    def __init__(self) -> None:
        self._saved: dict[str, LanguageModelCredentials] = {}
        self._sites: dict[str, WordPressSite] = {}
        self._searches: dict[str, SearchProvider] = {}
        self._agents: dict[str, AgentCommand] = {}
        self._sinks: dict[str, GraphSink] = {}
        self._refresher: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()
        self._began = float("-inf")
        self._accounts = BlockAccounts(saved_values if os.environ.get("PREFECT_API_URL") else None)

    async def __aenter__(self) -> Self:
        if os.environ.get("PREFECT_API_URL"):
            await asyncio.gather(self.refresh(), self._accounts.__aenter__())
            self._refresher = asyncio.create_task(self._refresh_forever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._accounts.__aexit__(kind, error, trace)
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher

    @property
    def lookups(self) -> Credentials:
        """What the services ask each time they need a credential."""
        return Credentials(
            model=self.find,
            site=self.site,
            search=self.search,
            named=self.named,
            accounts=self._accounts,
            agent=self.agent,
            sink=self.sink,
            refresh=self.refresh,
        )

    def agent(self, name: str) -> SavedAgent | None:
        """The saved command of this name, its keys filled in."""
        block = self._agents.get(name)
        return SavedAgent(block.command(name), block.hidden) if block else None

    def site(self) -> SiteLogin | None:
        """The site named `default`, else the first by name."""
        block = self._sites.get(DEFAULT) or next((self._sites[name] for name in sorted(self._sites)), None)
        return block.login if block else None

    def search(self) -> SecretStr | None:
        block = self._searches.get(DEFAULT) or next((self._searches[name] for name in sorted(self._searches)), None)
        return block.api_key if block else search_key()

    def sink(self, name: str) -> SinkAddress | None:
        block = self._sinks.get(name)
        return block.address if block is not None else None

    def find(self, provider: str, name: str | None) -> ProviderCredential | None:
        """The named block and no other; without a name any saved block of the provider, else the environment.

        None for a name that is not saved: who chose a key does not want another one's account to pay.
        """
        if name is not None and self._refresher is not None:
            return _as_credential(self._named(provider, name))
        return _as_credential(self._any_of(provider)) or environment_credential(provider, name)

    def named(self, name: str) -> Credential | None:
        """What the saved block says about itself, its key excepted."""
        block = self._saved.get(name)
        return Credential(name=name, provider=block.provider) if block is not None else None

    async def refresh(self) -> None:
        """Read the saved blocks again; when that fails, the last known ones stay in force. There is one reading a
        second at most, which all who asked before it share: cards that name no agent must not hammer Prefect."""
        if not os.environ.get("PREFECT_API_URL"):
            return
        asked = time.monotonic()
        async with self._reading:
            if self._began <= asked:
                await asyncio.sleep(max(0.0, self._began + _SHORTEST_SECONDS - asked))
                self._began = time.monotonic()
                await self._read()

    async def _read(self) -> None:
        try:
            read = await saved_values(kind.get_block_type_slug() for kind in _KINDS)
            self._saved = _blocks(LanguageModelCredentials, read)
            self._sites = _blocks(WordPressSite, read)
            self._searches = _blocks(SearchProvider, read)
            self._agents = _blocks(AgentCommand, read)
            self._sinks = _blocks(GraphSink, read)
        except Exception as error:
            # Prefect raises whatever its HTTP client met; a review must not fail because the UI's server is away.
            _logger.warning("saved credentials could not be read (%s); the last known ones stay", type(error).__name__)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    def _named(self, provider: str, name: str) -> LanguageModelCredentials | None:
        block = self._saved.get(name)
        return block if block is not None and block.provider == provider else None

    def _any_of(self, provider: str) -> LanguageModelCredentials | None:
        of_provider = {name: block for name, block in self._saved.items() if block.provider == provider}
        if not of_provider:
            return None
        return of_provider.get(DEFAULT) or of_provider[min(of_provider)]


def _as_credential(block: LanguageModelCredentials | None) -> ProviderCredential | None:
    return ProviderCredential(api_key=block.api_key, base_url=block.base_url) if block is not None else None


def _blocks(kind: type[B], read: SavedValues) -> dict[str, B]:
    return {name: kind.model_validate(fields) for name, fields in read[kind.get_block_type_slug()].items()}


async def saved_values(slugs: Iterable[str]) -> SavedValues:
    """The values of every saved block of the types by name, secrets included."""
    from prefect.client.orchestration import get_client

    async with get_client(httpx_settings=_tls()) as client:

        async def ask(body: dict[str, Any]) -> list[dict[str, Any]]:
            return (await client.request("POST", FILTER, json=body)).json()

        return await read_saved(ask, slugs)


def _tls() -> dict[str, Any]:
    """What Prefect's own client would make anew for each client, made once: it reads the certificates even where it is
    told to check none, and the loop stands still for 20 ms, for each kind of block every 15 s."""
    from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_TLS_INSECURE_SKIP_VERIFY

    if PREFECT_API_TLS_INSECURE_SKIP_VERIFY.value():
        return {"verify": _unverified()}
    return {"verify": _trusting(PREFECT_API_SSL_CERT_FILE.value())}


@lru_cache(maxsize=1)
def _trusting(certificates: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates) if certificates else httpx.create_ssl_context()


@lru_cache(maxsize=1)
def _unverified() -> ssl.SSLContext:
    """The operator's choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
