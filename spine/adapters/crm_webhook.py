"""Orders for any system that takes Standard Webhooks: one signed POST per confirmed order."""

from __future__ import annotations

import json

from pydantic import SecretStr

from spine.adapters.account_answers import answer_error
from spine.adapters.account_wire import AccountWire
from spine.adapters.crm_orders import id_in, order_fields
from spine.contracts.conversations import Order
from spine.contracts.timestamps import iso, utc_now
from spine.idempotency import digest
from spine.standard_webhooks import signed_headers, signing_key

SERVICE = "The order webhook"
EVENT = "order.confirmed"


class WebhookCrm:
    """`spine.messaging_port.Crm` on one address. Its connections live until `close`.

    The `webhook-id` follows from the key: a receiver that remembers ids makes one order of it, however often it comes.
    """

    def __init__(self, url: str, secret: SecretStr, *, timeout: float = 20.0) -> None:
        signing_key(secret.get_secret_value())
        self._secret = secret
        self._wire = AccountWire(url, SERVICE, timeout=timeout, may_have_query=True)

    async def find_order(self, key: str) -> str | None:
        """None: a webhook's receiver cannot be asked."""
        return None

    async def create_order(self, order: Order, key: str) -> str:
        """The id that the receiver answers with (`id` or `order_id`), else our own."""
        event = {"type": EVENT, "timestamp": iso(order.updated), "data": order_fields(order, key)}
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = signed_headers([self._secret.get_secret_value()], f"msg_{digest(key)}", utc_now(), body)
        answer = await self._wire.post("", body, **headers)
        if not 200 <= answer.status < 300:
            raise answer_error(answer, SERVICE)
        return id_in(answer.body) or order.order_id

    async def close(self) -> None:
        await self._wire.close()
