"""Accounts: from the environment under the name `default`, from saved blocks under theirs, blocks first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest

from blocks import accounts as block_accounts
from blocks.accounts import BlockAccounts
from blocks.saved_blocks import SavedValues
from spine.accounts import EnvironmentAccounts, policy_of
from spine.adapters.account_clients import AccountClients
from spine.adapters.crm_snitkix import SnitkixCrm
from spine.adapters.crm_webhook import WebhookCrm
from spine.contracts.conversations import AccountPolicy
from spine.errors import NotConfiguredError

ENVIRONMENT = {
    "TELEGRAM_BOT_TOKEN": "1:token",
    "TELEGRAM_WEBHOOK_SECRET": "secret",
    "TELEGRAM_API_URL": "http://127.0.0.1:9",
    "TELEGRAM_POLICY": '{"persona_id": "poe", "concurrency": 3}',
    "MANYCHAT_API_KEY": " ",
}
SAVED: dict[str, dict[str, dict[str, Any]]] = {
    "telegram-bot": {
        "default": {"token": "2:saved", "webhook_secret": "other"},
        "odd": {"token": ["no", "text"], "webhook_secret": "x"},
    },
    "crm-account": {
        "rest": {"base_url": "https://crm.example", "api_key": "k"},
        "hook": {"kind": "webhook", "base_url": "https://crm.example/in", "api_key": "whsec_b3JkZXIgc2VjcmV0"},
    },
    "webhook-source": {"shop": {"secrets": ["whsec_b3JkZXIgc2VjcmV0"], "mappings": []}},
}


async def read_saved(slugs: Iterable[str]) -> SavedValues:
    return {slug: SAVED.get(slug, {}) for slug in slugs}


def test_the_environment_describes_the_default_account() -> None:
    accounts = EnvironmentAccounts(ENVIRONMENT)
    bot = accounts.telegram("default")
    assert bot is not None and bot.token is not None and bot.token.get_secret_value() == "1:token"
    assert (bot.api_url, bot.policy.persona_id, bot.policy.concurrency) == ("http://127.0.0.1:9", "poe", 3)
    assert accounts.telegram("other") is None and accounts.manychat("default") is None
    assert "1:token" not in repr(bot) and "secret'" not in repr(bot)


def test_a_policy_that_is_none_says_what_is_wrong_with_it() -> None:
    accounts = EnvironmentAccounts({**ENVIRONMENT, "TELEGRAM_POLICY": '{"concurrency": 0}'})
    with pytest.raises(NotConfiguredError, match=r"TELEGRAM_POLICY.*concurrency"):
        accounts.telegram("default")


async def test_a_saved_block_wins_and_one_that_does_not_fit_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with BlockAccounts(read_saved, EnvironmentAccounts(ENVIRONMENT)) as accounts:
        bot, source = accounts.telegram("default"), accounts.source("shop")
        assert bot is not None and bot.token is not None and bot.token.get_secret_value() == "2:saved"
        assert source is not None and accounts.telegram("odd") is None
        assert policy_of(accounts, "telegram", "default") == AccountPolicy()
        assert policy_of(accounts, "telegram", "nobody") == AccountPolicy()
    assert "telegram-bot/odd" in caplog.text and "no, text" not in caplog.text


async def test_a_saved_account_in_an_unknown_time_zone_answers_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bot = {"token": "1:a", "webhook_secret": "s", "policy": {"time_zone": "Mars/Olympus"}}

    async def read(slugs: Iterable[str]) -> SavedValues:
        return {slug: {"odd": bot} if slug == "telegram-bot" else {} for slug in slugs}

    accounts = BlockAccounts(read)
    await accounts.refresh()
    await accounts.refresh()
    assert accounts.telegram("odd") is not None
    (told,) = [record.getMessage() for record in caplog.records if "telegram-bot/odd" in record.getMessage()]
    assert "Mars/Olympus" in told


async def test_a_changed_block_counts_without_a_restart_and_a_server_that_is_away_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_accounts, "REFRESH_SECONDS", 0.01)
    saved: dict[str, dict[str, Any]] = {"bot": {"token": "1:a"}}
    away = False

    async def read(slugs: Iterable[str]) -> SavedValues:
        if away:
            raise ConnectionError("no server")
        return {slug: saved if slug == "telegram-bot" else {} for slug in slugs}

    async with BlockAccounts(read) as accounts:
        clients = AccountClients(accounts)
        before = clients.messenger("telegram", "bot")
        assert clients.messenger("telegram", "bot") is before
        saved["bot"] = {"token": "1:b"}
        async with asyncio.timeout(5):
            while clients.messenger("telegram", "bot") is before:
                await asyncio.sleep(0.01)
        away = True
        await asyncio.sleep(0.05)
        assert accounts.telegram("bot") is not None
        await clients.close()


async def test_each_kind_of_crm_has_its_client() -> None:
    async with BlockAccounts(read_saved) as accounts:
        clients = AccountClients(accounts)
        assert isinstance(clients.crm("rest"), SnitkixCrm) and isinstance(clients.crm("hook"), WebhookCrm)
        with pytest.raises(NotConfiguredError, match="nowhere"):
            clients.crm("nowhere")
        await clients.close()


async def test_an_account_that_names_no_crm_uses_the_default_one_where_there_is_one() -> None:
    saved: dict[str, dict[str, Any]] = {"crm-account": {"default": {"base_url": "https://crm.example", "api_key": "k"}}}

    async def read(slugs: Iterable[str]) -> SavedValues:
        return {slug: saved.get(slug, {}) for slug in slugs}

    environment = {**ENVIRONMENT, "MANYCHAT_API_KEY": "k", "MANYCHAT_POLICY": '{"crm": "other"}'}
    async with BlockAccounts(read, EnvironmentAccounts(environment)) as accounts:
        assert policy_of(accounts, "telegram", "default").crm == "default"
        assert policy_of(accounts, "manychat", "default").crm == "other"


@pytest.mark.parametrize(("platform", "account"), [("telegram", "nobody"), ("manychat", "default"), ("web", "default")])
async def test_an_account_that_cannot_send_is_named(platform: str, account: str) -> None:
    with pytest.raises(NotConfiguredError):
        AccountClients(EnvironmentAccounts({})).messenger(platform, account)
