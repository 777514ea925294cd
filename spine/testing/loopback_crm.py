"""A loopback CRM: orders over REST (`/orders`) and over signed webhooks (`/hook`).

`python -m spine.testing.loopback_crm --port 0` prints its address; `GET /__calls` lists what came.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from spine.errors import MillraceError
from spine.standard_webhooks import verify
from spine.testing.loopback_api import ApiAnswer, ApiCall, LoopbackApi, options_of


class LoopbackCrm(LoopbackApi):
    """`orders` keeps what was created, in order. `honours_keys` off makes a CRM that ignores `Idempotency-Key`; `key`
    and `secret`, when given, are the only API key and signing secret accepted."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, key: str | None = None, secret: str | None = None) -> None:
        super().__init__(port=port, delay=delay)
        self.key, self.secret = key, secret
        self.honours_keys = True
        self.orders: list[dict[str, Any]] = []

    def answer(self, call: ApiCall) -> ApiAnswer:
        if call.path == "/hook":
            return self._hook(call)
        if self.key is not None and call.headers.get("authorization") != f"Bearer {self.key}":
            return ApiAnswer(401, {"message": "invalid API key"})
        if call.path != "/orders":
            return ApiAnswer(404, {"message": "no such resource"})
        if call.method == "GET":
            return ApiAnswer(body={"items": self._under(call.query.get("external_id", ""))})
        return self._create(call.body, call.headers.get("idempotency-key", ""))

    def _create(self, fields: Any, key: str) -> ApiAnswer:
        if not isinstance(fields, dict) or not fields.get("items"):
            return ApiAnswer(422, {"message": "an order needs items"})
        if self.honours_keys and key and (known := self._under(key)):
            return ApiAnswer(200, known[0])
        made = {"id": f"crm-{len(self.orders) + 1}", **fields}
        self.orders.append(made)
        return ApiAnswer(201, made)

    def _hook(self, call: ApiCall) -> ApiAnswer:
        if self.secret is not None:
            try:
                verify([self.secret], call.headers, call.raw, datetime.now(UTC))
            except MillraceError as error:
                return ApiAnswer(401, {"message": error.message})
        return self._create(call.body["data"], call.body["data"]["external_id"])

    def _under(self, key: str) -> list[dict[str, Any]]:
        return [order for order in self.orders if order.get("external_id") == key]


if __name__ == "__main__":
    LoopbackCrm(**options_of("A loopback CRM.")).serve()
