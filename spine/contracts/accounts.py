"""Accounts of conversations and webhooks, as a saved block or the environment describes them. Secrets are hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints, field_validator

from spine.contracts.conversations import AccountPolicy

TELEGRAM_API = "https://api.telegram.org"
MANYCHAT_API = "https://api.manychat.com"

EventPattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Pipeline = Literal["book_review", "persona_ingestion", "card_execution", "module_graph", "conversation"]


class TelegramAccount(BaseModel):
    """A bot. Without a token it cannot answer; without a webhook secret it takes no updates."""

    model_config = ConfigDict(frozen=True)

    token: SecretStr | None = Field(default=None, description="as @BotFather gave it")
    webhook_secret: SecretStr | None = Field(
        default=None, description="the `secret_token` of setWebhook: 1 to 256 letters, digits, `_` and `-`"
    )
    api_url: str = Field(default=TELEGRAM_API, description="address of the Bot API")
    policy: AccountPolicy = Field(default_factory=AccountPolicy, description="how the bot converses")


class ManyChatPage(BaseModel):
    """A ManyChat page. Without an API key replies can only go out as the answer to the request itself."""

    model_config = ConfigDict(frozen=True)

    api_key: SecretStr | None = Field(default=None, description="Settings → API in ManyChat")
    webhook_secret: SecretStr | None = Field(
        default=None, description="what the External Request sends in the header `X-Millrace-Secret`"
    )
    api_url: str = Field(default=MANYCHAT_API, description="address of the ManyChat API")
    channel: Literal["facebook", "instagram", "whatsapp", "telegram"] = Field(
        default="facebook", description="where the page's contacts write; decides the shape of an answer"
    )
    answer_inline: bool = Field(default=False, description="wait for the reply and give it as the request's answer")
    inline_seconds: float = Field(default=8.0, gt=0, le=9.0, description="ManyChat gives up after 10 s")
    policy: AccountPolicy = Field(default_factory=AccountPolicy, description="how the page converses")


class CrmConnection(BaseModel):
    """A CRM that confirmed orders go to."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["snitkix", "webhook"] = Field(
        default="snitkix",
        description="snitkix: its REST API; webhook: a signed POST (Standard Webhooks) to any address",
    )
    base_url: str = Field(description="snitkix: base address of the API; webhook: where orders are posted")
    api_key: SecretStr = Field(description="snitkix: the API key; webhook: the signing secret (whsec_…)")


class WebhookRule(BaseModel):
    """What an event starts. The first rule of a source whose `event` fits decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: EventPattern = Field(description="event type such as `order.created`; `*` stands for any part of it")
    pipeline: Pipeline
    params: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="the pipeline's parameters; `{{ data.url }}` stands for a value of the payload",
    )


def _as_list(value: Any) -> Any:
    """Mappings may be written as an object by event; a list can hold an event twice, and keeps its order."""
    if not isinstance(value, Mapping):
        return value
    pairs = cast("Mapping[str, Any]", value).items()
    return [{**rule, "event": event} if isinstance(rule, Mapping) else rule for event, rule in pairs]


WebhookMappings = Annotated[list[WebhookRule], BeforeValidator(_as_list)]


class WebhookSourceAccount(BaseModel):
    """A system that sends Standard Webhooks, or events with a secret in a header, and what its events start."""

    model_config = ConfigDict(frozen=True)

    secrets: list[SecretStr] = Field(
        default_factory=list[SecretStr],
        description="signing secrets (whsec_…), or what it sends in `X-Millrace-Secret`; several while one is replaced",
    )
    event_path: str = Field(
        default="", description="where the payload names its event type; empty: type, event, event_type or topic"
    )
    mappings: WebhookMappings = Field(default_factory=list[WebhookRule])

    @field_validator("secrets")
    @classmethod
    def _not_empty(cls, value: list[SecretStr]) -> list[SecretStr]:
        return [secret for secret in value if secret.get_secret_value().strip()]
