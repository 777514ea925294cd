"""Accounts as they are now: saved blocks first, the environment where there is none of the name.

Nothing here imports Prefect, so the gateway can read the blocks over plain HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from blocks.saved_blocks import SavedValues
from spine.accounts import Accounts, EnvironmentAccounts
from spine.contracts.accounts import CrmConnection, ManyChatPage, TelegramAccount, WebhookSourceAccount
from spine.errors import NotConfiguredError
from spine.time_zones import zone_named

_logger = logging.getLogger("millrace.accounts")
REFRESH_SECONDS = 15.0

ReadBlocks = Callable[[Iterable[str]], Awaitable[SavedValues]]
"""The saved blocks of these types, secrets included."""

M = TypeVar("M", bound=BaseModel)

_KINDS: Final[Mapping[str, type[BaseModel]]] = {
    "telegram-bot": TelegramAccount,
    "manychat-account": ManyChatPage,
    "crm-account": CrmConnection,
    "webhook-source": WebhookSourceAccount,
}


class BlockAccounts:
    """`spine.accounts.Accounts` on a copy of the saved blocks that is renewed every 15 s inside its `async with`
    block, so that a secret replaced in the Prefect UI counts without a restart."""

    def __init__(self, read: ReadBlocks | None, fallback: Accounts | None = None) -> None:
        """Without `read` (no Prefect server in sight) only the fallback counts, which is the environment."""
        self._read = read
        self._fallback = fallback or EnvironmentAccounts()
        self._saved: dict[str, dict[str, BaseModel]] = {}
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._read is not None:
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

    def telegram(self, name: str) -> TelegramAccount | None:
        return self._find("telegram-bot", name, TelegramAccount) or self._fallback.telegram(name)

    def manychat(self, name: str) -> ManyChatPage | None:
        return self._find("manychat-account", name, ManyChatPage) or self._fallback.manychat(name)

    def crm(self, name: str) -> CrmConnection | None:
        return self._find("crm-account", name, CrmConnection) or self._fallback.crm(name)

    def source(self, name: str) -> WebhookSourceAccount | None:
        return self._find("webhook-source", name, WebhookSourceAccount) or self._fallback.source(name)

    async def refresh(self) -> None:
        """Read the saved blocks again; when that fails, the last known ones stay in force."""
        assert self._read is not None
        try:
            read = await self._read(_KINDS)
        except Exception as error:
            # Prefect's client raises whatever its HTTP met; a message must not be lost because that server is away.
            _logger.warning("saved accounts could not be read (%s); the last known ones stay", type(error).__name__)
            return
        before = self._saved
        self._saved = {slug: _understood(slug, kind, read.get(slug, {})) for slug, kind in _KINDS.items()}
        _warn_of_zones(before, self._saved)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    def _find(self, slug: str, name: str, kind: type[M]) -> M | None:
        found = self._saved.get(slug, {}).get(name)
        return found if isinstance(found, kind) else None


def _warn_of_zones(before: Mapping[str, Mapping[str, BaseModel]], now: Mapping[str, Mapping[str, BaseModel]]) -> None:
    """Say once of each account whose clock nobody knows; the Prefect UI saves a block without our checks."""
    for slug, accounts in now.items():
        for name, account in accounts.items():
            if not isinstance(account, TelegramAccount | ManyChatPage) or account == before.get(slug, {}).get(name):
                continue
            try:
                zone_named(account.policy.time_zone)
            except NotConfiguredError as error:
                _logger.warning("the block %s/%s follows nobody up: %s", slug, name, error.message)


def _understood(slug: str, kind: type[BaseModel], found: Mapping[str, Mapping[str, Any]]) -> dict[str, BaseModel]:
    """The accounts that fit; of one that does not, the log names the fields and never a value."""
    accounts: dict[str, BaseModel] = {}
    for name, values in found.items():
        try:
            accounts[name] = kind.model_validate(dict(values))
        except ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in one["loc"]) for one in error.errors())
            _logger.warning("the block %s/%s is left out; these fields do not fit: %s", slug, name, fields)
    return accounts
