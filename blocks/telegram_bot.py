"""A Telegram bot that people talk to."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.accounts import SavedPolicy
from spine.contracts.accounts import TELEGRAM_API, TelegramAccount
from spine.contracts.conversations import AccountPolicy


class TelegramBot(Block):
    """One bot; the block's name stands in its webhook's address: `/webhooks/telegram/<name>`."""

    _block_type_name = "Telegram Bot"
    _block_type_slug = "telegram-bot"
    _description = "Token and webhook secret of a Telegram bot, and how it converses."

    token: SecretStr = Field(description="as @BotFather gave it")
    webhook_secret: SecretStr = Field(description="the secret_token of setWebhook: letters, digits, _ and -")
    api_url: str = Field(default=TELEGRAM_API, description="address of the Bot API")
    policy: SavedPolicy = Field(default_factory=AccountPolicy, description="how the bot converses")

    @property
    def account(self) -> TelegramAccount:
        return TelegramAccount(
            token=self.token, webhook_secret=self.webhook_secret, api_url=self.api_url, policy=self.policy
        )
