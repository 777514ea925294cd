"""The edges of a conversation: where replies are sent and where orders are created.

Implementations raise only `spine.errors` and never block the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from spine.contracts.conversations import Order
from spine.errors import NotConfiguredError


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform says about a message that it took."""

    message_ids: tuple[str, ...]
    """The platform's own ids; several when a long text was split."""


class Messenger(Protocol):
    """Sends texts to chats of one account on one platform."""

    async def send(self, chat_id: str, text: str) -> Receipt:
        """Send the text, split where the platform's limit asks for it.

        Raises:
            PermanentError, RateLimitError: nothing was sent.
            ExternalServiceError with `delivered=False`: nothing was sent (no connection, or the platform said that
                it failed); with `delivered=None`: nobody knows (the connection broke while waiting).
        """
        ...

    async def close(self) -> None: ...


class Crm(Protocol):
    """Creates orders in one CRM."""

    async def find_order(self, key: str) -> str | None:
        """The CRM's id of the order that was created under this key; None when there is none or it cannot tell."""
        ...

    async def create_order(self, order: Order, key: str) -> str:
        """Create the order under the idempotency key and give the CRM's id; the same key again gives the same order
        where the CRM honours keys."""
        ...

    async def close(self) -> None: ...


Messengers = Callable[[str, str], Messenger]
"""`(platform, account)` to a messenger that the services close; `NotConfiguredError` where there is none."""

Crms = Callable[[str], Crm]
"""The name of a connection to its CRM, which the services close; `NotConfiguredError` where there is none."""


def no_messenger(platform: str, account: str) -> Messenger:
    """Where no account is known."""
    raise NotConfiguredError(f"There is no {platform} account {account!r} to send with.", what=platform)


def no_crm(name: str) -> Crm:
    """Where no connection is known."""
    raise NotConfiguredError(f"There is no CRM account {name!r}.", what="crm-account")
