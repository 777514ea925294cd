"""What one account (a bot, a page) may use of the lanes that answer messages, counted over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

USUAL_CONCURRENCY: Final = 100

BURST_SECONDS: Final = 6.0
"""An account that was quiet may begin what its rate allows in this time at once (always at least one)."""

ASK_AGAIN: Final = 0.1
"""Seconds until an account whose messages are all being answered is asked for again."""


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """How many messages of one account are answered at once, and begun per minute. A rate of 0 is no limit."""

    concurrency: int = USUAL_CONCURRENCY
    rate_per_minute: int = 0

    @property
    def is_shared(self) -> bool:
        """Whether all lanes count together. The usual width only keeps an account from filling a lane: each lane
        sees to it by itself, without asking for every message."""
        return bool(self.rate_per_minute) or self.concurrency < USUAL_CONCURRENCY

    @property
    def burst(self) -> float:
        """Messages that may begin together."""
        return max(1.0, self.rate_per_minute * BURST_SECONDS / 60.0)


class SharedLimits(Protocol):
    """Counts the messages of an account over all lanes. What a lane that died held runs out by itself."""

    async def admit(self, account: str, session_id: str, limits: AccountLimits) -> float:
        """0 when a message of the session may begin, which then counts until `release`; else the seconds after which
        asking again makes sense. Raises `ExternalServiceError` when nobody can tell."""
        ...

    async def release(self, account: str, session_id: str) -> None:
        """The message has ended. Unknown ones are ignored."""
        ...

    async def renew(self) -> None:
        """All that was admitted here still runs; to be said every few seconds."""
        ...
