"""A CRM kept in memory: the twin of the real ones, for tests and dry runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from spine.contracts.conversations import Order
from spine.errors import MillraceError


@dataclass
class MemoryCrm:
    """`spine.messaging_port.Crm` that lives as long as the object; `orders` by key is open to look at.

    `refuse` decides which error a creation ends with; with an `ExternalServiceError(delivered=None)` the order is
    there although its sender does not know. `honours_keys` off makes a CRM that creates anew each time.
    """

    refuse: Callable[[Order], MillraceError | None] = lambda order: None
    honours_keys: bool = True
    finds: bool = True
    orders: dict[str, str] = field(default_factory=dict[str, str])
    created: list[Order] = field(default_factory=list[Order])
    calls: int = 0

    async def find_order(self, key: str) -> str | None:
        return self.orders.get(key) if self.finds else None

    async def create_order(self, order: Order, key: str) -> str:
        self.calls += 1
        if self.honours_keys and key in self.orders:
            return self.orders[key]
        error = self.refuse(order)
        if error is not None and getattr(error, "delivered", False) is not None:
            raise error
        self.created.append(order)
        self.orders[key] = f"crm-{len(self.created)}"
        if error is not None:
            raise error
        return self.orders[key]

    async def close(self) -> None:
        return
