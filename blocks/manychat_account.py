"""A ManyChat page that people write to."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from spine.accounts import SavedPolicy
from spine.contracts.accounts import MANYCHAT_API, ManyChatPage
from spine.contracts.conversations import AccountPolicy


class ManyChatAccount(Block):
    """One page; the block's name stands in its webhook's address: `/webhooks/manychat/<name>`."""

    _block_type_name = "ManyChat Account"
    _block_type_slug = "manychat-account"
    _description = "API key and webhook secret of a ManyChat page, and how it converses."

    api_key: SecretStr | None = Field(default=None, description="Settings → API; without it replies only go inline")
    webhook_secret: SecretStr = Field(description="what the External Request sends in the header X-Millrace-Secret")
    api_url: str = Field(default=MANYCHAT_API, description="address of the ManyChat API")
    channel: Literal["facebook", "instagram", "whatsapp", "telegram"] = Field(
        default="facebook", description="where the page's contacts write"
    )
    answer_inline: bool = Field(default=False, description="wait for the reply and give it as the request's answer")
    inline_seconds: float = Field(default=8.0, gt=0, le=9.0, description="how long; ManyChat gives up after 10 s")
    policy: SavedPolicy = Field(default_factory=AccountPolicy, description="how the page converses")

    @property
    def account(self) -> ManyChatPage:
        return ManyChatPage(
            api_key=self.api_key,
            webhook_secret=self.webhook_secret,
            api_url=self.api_url,
            channel=self.channel,
            answer_inline=self.answer_inline,
            inline_seconds=self.inline_seconds,
            policy=self.policy,
        )
