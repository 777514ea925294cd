"""Who we converse as: accounts by name, from the environment or from what somebody saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, SecretStr, ValidationError

from spine.contracts.accounts import (
    MANYCHAT_API,
    TELEGRAM_API,
    CrmConnection,
    ManyChatPage,
    TelegramAccount,
    WebhookSourceAccount,
)
from spine.contracts.conversations import AccountPolicy
from spine.errors import NotConfiguredError
from spine.field_errors import field_errors
from spine.time_zones import zone_named

DEFAULT_ACCOUNT = "default"

M = TypeVar("M", bound=BaseModel)


class Accounts(Protocol):
    """Accounts as they are now; None where there is none of that name. Asked each time, so that a new secret counts."""

    def telegram(self, name: str) -> TelegramAccount | None: ...

    def manychat(self, name: str) -> ManyChatPage | None: ...

    def crm(self, name: str) -> CrmConnection | None: ...

    def source(self, name: str) -> WebhookSourceAccount | None: ...


class EnvironmentAccounts:
    """The account `default` of Telegram and ManyChat. Reads the environment anew each time."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def telegram(self, name: str) -> TelegramAccount | None:
        token, secret = self._secret("TELEGRAM_BOT_TOKEN"), self._secret("TELEGRAM_WEBHOOK_SECRET")
        if name != DEFAULT_ACCOUNT or not (token or secret):
            return None
        api_url = self._environment.get("TELEGRAM_API_URL") or TELEGRAM_API
        return TelegramAccount(
            token=token, webhook_secret=secret, api_url=api_url, policy=self._policy("TELEGRAM_POLICY")
        )

    def manychat(self, name: str) -> ManyChatPage | None:
        key, secret = self._secret("MANYCHAT_API_KEY"), self._secret("MANYCHAT_WEBHOOK_SECRET")
        if name != DEFAULT_ACCOUNT or not (key or secret):
            return None
        api_url = self._environment.get("MANYCHAT_API_URL") or MANYCHAT_API
        return ManyChatPage(api_key=key, webhook_secret=secret, api_url=api_url, policy=self._policy("MANYCHAT_POLICY"))

    def crm(self, name: str) -> CrmConnection | None:
        return None

    def source(self, name: str) -> WebhookSourceAccount | None:
        return None

    def _secret(self, variable: str) -> SecretStr | None:
        value = self._environment.get(variable, "").strip()
        return SecretStr(value) if value else None

    def _policy(self, variable: str) -> AccountPolicy:
        return policy_from(self._environment.get(variable, ""), variable)


def policy_from(text: str, variable: str) -> AccountPolicy:
    """A policy written as JSON in an environment variable; the default one when it is empty."""
    if not text.strip():
        return AccountPolicy()
    try:
        return AccountPolicy.model_validate_json(text)
    except ValidationError as error:
        told = "; ".join(f"{one.field}: {one.message}" for one in field_errors(error)[:3])
        raise NotConfiguredError(f"{variable} must hold a JSON object of an account's policy ({told}).") from error


def _with_known_zone(policy: AccountPolicy) -> AccountPolicy:
    try:
        zone_named(policy.time_zone)
    except NotConfiguredError as error:
        raise ValueError(f"time_zone: {error.message}") from None
    return policy


SavedPolicy = Annotated[AccountPolicy, AfterValidator(_with_known_zone)]
"""A policy as it may be saved. One that was saved before with another time zone is read all the same: its account goes
on to answer, and only follows nobody up, as nobody knows when it is night there."""


def default_policy(platform: str, account: str) -> AccountPolicy:
    """Where no account has a policy of its own."""
    return AccountPolicy()


def policy_of(accounts: Accounts, platform: str, account: str) -> AccountPolicy:
    """How an account converses; callers of `POST /api/messages` and platforms without an account get the default.

    An account whose policy names no CRM uses the one that is called `default`, where there is one.
    """
    policy = _own_policy(accounts, platform, account)
    if policy.crm is None and accounts.crm(DEFAULT_ACCOUNT) is not None:
        return policy.model_copy(update={"crm": DEFAULT_ACCOUNT})
    return policy


def _own_policy(accounts: Accounts, platform: str, account: str) -> AccountPolicy:
    if platform == "telegram":
        found = accounts.telegram(account)
    elif platform == "manychat":
        found = accounts.manychat(account)
    else:
        return policy_from(os.environ.get("MILLRACE_CONVERSATION_POLICY", ""), "MILLRACE_CONVERSATION_POLICY")
    return found.policy if found is not None else AccountPolicy()
