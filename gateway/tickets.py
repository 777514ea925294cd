"""One-use tickets: a short-lived stand-in for a login where no header or cookie can be sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, Protocol

from gateway.identity import Identity, Role
from gateway.signing import Claim, Signer

TICKET_SECONDS = 60
_PURPOSE = "ticket"


class TicketStore(Protocol):
    """Remembers which tickets were used. Shared by all gateways of a stack."""

    async def spend(self, nonce: str, seconds: float) -> bool:
        """Mark `nonce` as used for at least that long; False when it was used before. One caller ever gets True."""
        ...


class MemoryTicketStore:
    """A `TicketStore` for a single gateway process; forgets with it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._until: dict[str, float] = {}
        self._now = now

    async def spend(self, nonce: str, seconds: float) -> bool:
        now = self._now()
        self._until = {known: until for known, until in self._until.items() if until > now}
        if nonce in self._until:
            return False
        self._until[nonce] = now + seconds
        return True


def issue_ticket(signer: Signer, identity: Identity) -> str:
    """A ticket that opens one WebSocket or one session for whoever `identity` is, within `TICKET_SECONDS`."""
    return signer.sign(_PURPOSE, TICKET_SECONDS, claim_of(identity))


async def redeem_ticket(signer: Signer, store: TicketStore, ticket: str) -> Identity | None:
    """Who the ticket stands for; None when it is not ours, too old or used."""
    claim = signer.read(_PURPOSE, ticket)
    if claim is None or not await store.spend(claim.nonce, TICKET_SECONDS * 2):
        return None
    return identity_of(claim, "ticket")


def claim_of(identity: Identity) -> dict[str, str | None]:
    """What is signed about an identity."""
    return {"name": identity.name, "role": str(identity.role), "token": identity.token_id}


def identity_of(claim: Claim, via: Literal["session", "ticket"]) -> Identity:
    data = claim.data
    return Identity(name=data["name"], role=Role(data["role"]), via=via, token_id=data.get("token"))
