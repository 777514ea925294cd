"""Orders in a CRM with a REST API in the style of Snitkix: `POST /orders`, `GET /orders?external_id=`."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import SecretStr

from spine.adapters.account_answers import answer_error, unreadable
from spine.adapters.account_wire import AccountWire, WireAnswer
from spine.adapters.crm_orders import found_under, id_in, order_fields
from spine.contracts.conversations import Order

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
        answer = await self._wire.post("/orders", order_fields(order, key), Idempotency_Key=key)
        made = id_in(answer.body)
        if answer.status == 409 and made:  # it is there already, under this very key
            return made
        _check(answer)
        if made is None:
            raise unreadable(SERVICE, answer)
        return made

    async def close(self) -> None:
        await self._wire.close()


def _check(answer: WireAnswer) -> None:
    if not 200 <= answer.status < 300:
        said = answer.body.get("message") or answer.body.get("detail") or answer.body.get("error") or ""
        raise answer_error(answer, SERVICE, said if isinstance(said, str) else "")
