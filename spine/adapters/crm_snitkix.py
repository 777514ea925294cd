"""Orders in a CRM with a REST API in the style of Snitkix: `POST /orders`, `GET /orders?external_id=`."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import SecretStr

from spine.adapters.account_answers import answer_error, told_of, unreadable
from spine.adapters.account_wire import AccountWire, WireAnswer
from spine.adapters.crm_orders import found_under, id_in, order_fields
from spine.contracts.conversations import Order
from spine.errors import ExternalServiceError

SERVICE = "The CRM"


class SnitkixCrm:
    """`spine.messaging_port.Crm` on one account. Its connections live until `close`.

    The key travels as `Idempotency-Key` and is stored as the order's `external_id`, so an order is found again even
    where the CRM does not honour the header.
    """

    def __init__(self, url: str, api_key: SecretStr, *, timeout: float = 20.0) -> None:
        authorization = {"Authorization": f"Bearer {api_key.get_secret_value().strip()}"}
        self._wire = AccountWire(url, SERVICE, headers=authorization, timeout=timeout)

    async def find_order(self, key: str) -> str | None:
        answer = await self._wire.get(f"/orders?external_id={quote(key, safe='')}")
        if answer.status == 404:
            return None
        _check(answer)
        return found_under(answer.parsed, key)

    async def create_order(self, order: Order, key: str) -> str:
        """The id of the order that is there now. A 409 may mean that an earlier request made it, or is making it yet:
        what is not found under the key then is an `ExternalServiceError` with the status 409, for a later try."""
        answer = await self._wire.post("/orders", order_fields(order, key), Idempotency_Key=key)
        made = id_in(answer.body)
        if answer.status == 409 and (there := made or await self.find_order(key)):
            return there
        if answer.status == 409:
            raise ExternalServiceError(
                f"{SERVICE} refused it (HTTP 409){told_of(_said(answer))}. No order is found under its key.",
                service=SERVICE,
                status=409,
                delivered=None,
            )
        _check(answer)
        if made is None:
            raise unreadable(SERVICE, answer)
        return made

    async def close(self) -> None:
        await self._wire.close()


def _check(answer: WireAnswer) -> None:
    if not 200 <= answer.status < 300:
        raise answer_error(answer, SERVICE, _said(answer))


def _said(answer: WireAnswer) -> str:
    """The CRM's own explanation; empty when there is none."""
    said = answer.body.get("message") or answer.body.get("detail") or answer.body.get("error") or ""
    return said if isinstance(said, str) else ""
