"""The in-memory twin of shared account limits: lanes of one process that are given the same object count together."""

from __future__ import annotations

import time

from spine.account_limits import ASK_AGAIN, AccountLimits


class MemoryAccountLimits:
    """A `SharedLimits` that lives as long as its object; nothing runs out, for its lanes die with it."""

    def __init__(self) -> None:
        self._running: dict[str, set[str]] = {}
        self._turns: dict[str, float] = {}

    async def admit(self, account: str, session_id: str, limits: AccountLimits) -> float:
        running = self._running.setdefault(account, set())
        if session_id not in running and len(running) >= limits.concurrency:
            return ASK_AGAIN
        if limits.rate_per_minute:
            now, between = time.monotonic(), 60.0 / limits.rate_per_minute
            turn = max(now, self._turns.get(account, now))
            if (wait := turn - (limits.burst - 1) * between - now) > 0:
                return wait
            self._turns[account] = turn + between
        running.add(session_id)
        return 0.0

    async def release(self, account: str, session_id: str) -> None:
        self._running.get(account, set()).discard(session_id)

    async def renew(self) -> None:
        """Nothing to do."""
