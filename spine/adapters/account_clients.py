"""Messengers and CRMs by account: one client each, made on first use and anew when its account changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from pydantic import SecretStr

from spine.accounts import Accounts
from spine.adapters.crm_snitkix import SnitkixCrm
from spine.adapters.crm_webhook import WebhookCrm
from spine.adapters.manychat_messenger import ManyChatMessenger
from spine.adapters.telegram_messenger import TelegramMessenger
from spine.contracts.accounts import CrmConnection, ManyChatPage, TelegramAccount
from spine.errors import NotConfiguredError
from spine.messaging_port import Crm, Messenger


class _Closable(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class AccountClients:
    """Clients for the accounts as they are now. They belong to one event loop and live until `close`, those of a
    replaced key included: a send may still be on its way."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._clients: dict[tuple[object, ...], _Closable] = {}

    def messenger(self, platform: str, account: str) -> Messenger:
        """Raises `NotConfiguredError` for an account that is unknown or cannot send."""
        if platform == "telegram":
            return self._telegram(account, self._accounts.telegram(account))
        if platform == "manychat":
            return self._manychat(account, self._accounts.manychat(account))
        raise NotConfiguredError(f"Nothing is sent to the platform {platform}; its replies are read from the job.")

    def crm(self, name: str) -> Crm:
        """Raises `NotConfiguredError` for one that is unknown."""
        found = self._accounts.crm(name)
        if found is None:
            raise NotConfiguredError(
                f"There is no CRM account {name!r}: save a block `CRM Account` of that name.",
                what="crm-account",
            )
        return self._kept(("crm", name, found.kind, found.base_url, found.api_key), lambda: _open_crm(found))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _telegram(self, name: str, found: TelegramAccount | None) -> Messenger:
        token = _needed(found.token if found else None, f"Telegram bot {name!r}", "token", "Telegram Bot")
        assert found is not None
        return self._kept(("telegram", name, token, found.api_url), lambda: TelegramMessenger(token, found.api_url))

    def _manychat(self, name: str, found: ManyChatPage | None) -> Messenger:
        key = _needed(found.api_key if found else None, f"ManyChat account {name!r}", "API key", "ManyChat Account")
        assert found is not None
        return self._kept(
            ("manychat", name, key, found.api_url, found.channel),
            lambda: ManyChatMessenger(key, found.api_url, found.channel),
        )

    def _kept(self, key: tuple[object, ...], make: Callable[[], C]) -> C:
        if key not in self._clients:
            self._clients[key] = make()
        return cast(C, self._clients[key])


def _needed(secret: SecretStr | None, whose: str, what: str, block: str) -> SecretStr:
    if secret is None:
        raise NotConfiguredError(f"The {whose} has no {what}: save a block `{block}` of that name.", what=block)
    return secret


def _open_crm(account: CrmConnection) -> SnitkixCrm | WebhookCrm:
    if account.kind == "webhook":
        return WebhookCrm(account.base_url, account.api_key)
    return SnitkixCrm(account.base_url, account.api_key)
