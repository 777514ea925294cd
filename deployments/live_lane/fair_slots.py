"""Who is next: slots for sessions, fair to accounts, never two of one session. Decides only; touches nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from spine.account_limits import AccountLimits


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to run one message of a session."""

    session_id: str
    account: str


@dataclass(slots=True)
class _Account:
    limits: AccountLimits
    ready: deque[str] = field(default_factory=deque[str])
    running: int = 0
    tokens: float = 1.0
    counted_at: float = 0.0
    held_until: float = 0.0
    """Before this the lanes together are at a limit."""

    def allowed_at(self, now: float) -> float:
        """When the rate allows the next message: `now` or later. Counts the tokens up to now."""
        rate, earliest = self.limits.rate_per_minute / 60.0, max(now, self.held_until)
        if not rate:
            return earliest
        self.tokens = min(self.limits.burst, self.tokens + max(0.0, now - self.counted_at) * rate)
        self.counted_at = now
        return earliest if self.tokens >= 1.0 - 1e-9 else max(earliest, now + (1.0 - self.tokens) / rate)


class FairSlots:
    """The sessions that have messages waiting, and those that are being served.

    Accounts take turns, an account's sessions too: a session that has more to say goes to the back of its account's
    line after each message, so that with n accounts waiting each gets every n-th slot, whatever the others do. Times
    are seconds of one clock. State lives in this object; losing it loses no message, the store has them.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._accounts: dict[str, _Account] = {}
        self._line: deque[str] = deque()
        """Accounts with sessions that wait, the next one first."""
        self._waiting: set[str] = set()
        self._running: dict[str, bool] = {}
        """Session → whether it was offered again while it ran."""

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, session_id: str, account: str, limits: AccountLimits, now: float) -> None:
        """The session has something to say. Known ones are not queued twice."""
        if session_id in self._running:
            self._running[session_id] = True
            return
        if session_id in self._waiting:
            return
        known = self._accounts.get(account)
        if known is None:
            known = self._accounts[account] = _Account(limits, counted_at=now)
            known.tokens = limits.burst
        known.limits = limits
        if not known.ready:
            self._line.append(account)
        known.ready.append(session_id)
        self._waiting.add(session_id)

    def next(self, now: float) -> Slot | None:
        """The slot that is given now; None while the lane is full or every account that waits is at a limit."""
        if self.running >= self._width:
            return None
        for _ in range(len(self._line)):
            name = self._line.popleft()
            account = self._accounts[name]
            if account.running >= account.limits.concurrency or account.allowed_at(now) > now:
                self._line.append(name)
                continue
            return self._grant(name, account)
        return None

    def next_at(self, now: float) -> float | None:
        """When a rate lets the next slot be given; None when only the end of a message can."""
        if self.running >= self._width:
            return None
        free = [self._accounts[name] for name in self._line]
        moments = [one.allowed_at(now) for one in free if one.running < one.limits.concurrency]
        return min(moments, default=None)

    def done(self, slot: Slot) -> bool:
        """The slot is free again. True when the session was offered meanwhile: then it has to be looked at again."""
        account = self._accounts[slot.account]
        account.running -= 1
        again = self._running.pop(slot.session_id)
        if not account.running and not account.ready and not account.limits.rate_per_minute:
            del self._accounts[slot.account]
        return again

    def refuse(self, slot: Slot, until: float) -> None:
        """Nothing was begun in the slot: all lanes together are at a limit of its account until then. The session
        stays at the head of the account's line."""
        account = self._accounts[slot.account]
        account.running -= 1
        account.tokens += 1.0
        account.held_until = until
        del self._running[slot.session_id]
        if not account.ready:
            self._line.append(slot.account)
        account.ready.appendleft(slot.session_id)
        self._waiting.add(slot.session_id)

    def _grant(self, name: str, account: _Account) -> Slot:
        session_id = account.ready.popleft()
        if account.ready:
            self._line.append(name)
        if account.limits.rate_per_minute:
            account.tokens -= 1.0
        account.running += 1
        self._waiting.discard(session_id)
        self._running[session_id] = False
        return Slot(session_id, name)
