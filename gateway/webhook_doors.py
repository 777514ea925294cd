"""Whether a webhook comes from whom it says, judged before a byte of its body is read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import SecretStr
from starlette.datastructures import Headers

from gateway.dependencies import Gateway
from gateway.problems import ProblemError
from spine.contracts.accounts import ManyChatPage, TelegramAccount, WebhookSourceAccount
from spine.contracts.timestamps import utc_now
from spine.errors import AuthenticationError, NotConfiguredError
from spine.header_secrets import SECRET_HEADER, is_secret, recognised, signing
from spine.standard_webhooks import SIGNATURE_HEADER, verify

TELEGRAM_HEADER = "x-telegram-bot-api-secret-token"


def telegram_account(parts: Gateway, bot: str, headers: Headers) -> TelegramAccount:
    """The bot whose secret the request carries: 404 for one that nobody set up, 401 for another secret."""
    account = parts.context.accounts.telegram(bot)
    if account is None:
        raise _unknown("Telegram bot", bot, "Telegram Bot", "TELEGRAM_WEBHOOK_SECRET")
    with _counted(parts, "telegram"):
        _check_secret(account.webhook_secret, headers.get(TELEGRAM_HEADER), "Telegram bot", bot)
    return account


def manychat_account(parts: Gateway, name: str, headers: Headers) -> ManyChatPage:
    """Like `telegram_account`. The secret is the same for every request, so it proves less than a signature does."""
    account = parts.context.accounts.manychat(name)
    if account is None:
        raise _unknown("ManyChat account", name, "ManyChat Account", "MANYCHAT_WEBHOOK_SECRET")
    with _counted(parts, "manychat"):
        _check_secret(account.webhook_secret, headers.get(SECRET_HEADER), "ManyChat account", name)
    return account


def known_source(parts: Gateway, name: str, headers: Headers, body: bytes) -> tuple[WebhookSourceAccount, str]:
    """The source that signed this very body, or gave its secret, and the id of the message."""
    source = parts.context.accounts.source(name)
    if source is None:
        raise ProblemError(
            404, "not_found", f"There is no webhook source {name!r}: save a block `Webhook Source` of that name."
        )
    if not source.secrets:
        raise NotConfiguredError(f"The webhook source {name!r} has no secret.", what="webhook secret")
    with _counted(parts, "source"):
        secrets = [secret.get_secret_value() for secret in source.secrets]
        if SECRET_HEADER in headers and SIGNATURE_HEADER not in headers:
            return source, recognised(secrets, headers, body)
        return source, verify(signing(secrets), headers, body, utc_now())


def _check_secret(secret: SecretStr | None, given: str | None, what: str, name: str) -> None:
    if secret is None or not secret.get_secret_value():
        raise NotConfiguredError(f"The {what} {name!r} has no webhook secret, so nothing is taken for it.", what=what)
    if not is_secret(given, [secret.get_secret_value()]):
        raise AuthenticationError(f"The secret of this request is not the one of the {what}.")


@contextmanager
def _counted(parts: Gateway, platform: str) -> Generator[None]:
    try:
        yield
    except AuthenticationError:
        parts.metrics.webhooks.refused(platform)
        raise


def _unknown(what: str, name: str, block: str, variable: str) -> ProblemError:
    environment = f", or set {variable}" if name == "default" else ""
    return ProblemError(
        404, "not_found", f"There is no {what} {name!r}: save a block `{block}` of that name{environment}."
    )
