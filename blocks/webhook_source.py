"""A system whose webhooks start work here."""

from __future__ import annotations

from collections.abc import Callable

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, field_validator

from spine.contracts.accounts import WebhookMappings, WebhookRule, WebhookSourceAccount
from spine.errors import MillraceError
from spine.header_secrets import check_secret
from spine.webhook_rules import check_rules


def _as_value_error(check: Callable[[], object]) -> None:
    """Validation shows what was said; an error of another kind would come through it unexplained."""
    try:
        check()
    except MillraceError as error:
        raise ValueError(error.message) from error


class WebhookSource(Block):
    """One sender; the block's name stands in its webhook's address: `/webhooks/<name>`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Webhook Source"
    _block_type_slug = "webhook-source"
    _description = "Secrets of a system that sends Standard Webhooks or a secret header, and what its events start."

    secrets: list[SecretStr] = Field(
        min_length=1,
        description="signing secrets (whsec_…), or what it sends in X-Millrace-Secret; two while one is being replaced",
    )
    event_path: str = Field(
        default="", description="where the payload names its event type; empty: type, event, event_type or topic"
    )
    mappings: WebhookMappings = Field(
        default_factory=list[WebhookRule],
        description="event → pipeline and parameters; the first that fits decides. "
        'A list, or an object by event: {"book.*": {"pipeline": "book_review", "params": {…}}}',
    )

    @field_validator("secrets")
    @classmethod
    def _are_secrets(cls, value: list[SecretStr]) -> list[SecretStr]:
        for secret in value:
            _as_value_error(lambda secret=secret: check_secret(secret.get_secret_value()))
        return value

    @field_validator("mappings")
    @classmethod
    def _are_rules(cls, value: list[WebhookRule]) -> list[WebhookRule]:
        _as_value_error(lambda: check_rules(value))
        return value

    @property
    def account(self) -> WebhookSourceAccount:
        return WebhookSourceAccount(secrets=self.secrets, event_path=self.event_path, mappings=self.mappings)
