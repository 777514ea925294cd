"""Account limits in Redis: who runs, with an end to each claim, and when the account's rate allows the next message."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis

from spine.account_limits import ASK_AGAIN, AccountLimits
from spine.adapters.redis_client import asked

_PREFIX = "millrace:account:"
LEASE_SECONDS: Final = 10.0
"""A claim that was not renewed for so long is that of a lane that died."""

_FORGET_SECONDS: Final = 600

# Times are Redis' own, in milliseconds. A clock that was put back leaves claims and turns far ahead: what no lane can
# have written under the present time is not believed. The rate is a bucket that leaks (GCRA): `turn` is when it would
# be empty again.
_ADMIT = """
local told = redis.call('TIME')
local now = told[1] * 1000 + math.floor(told[2] / 1000)
local session, most, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local between, burst, again, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. (now + lease), '+inf')
if not redis.call('ZSCORE', KEYS[1], session) and redis.call('ZCARD', KEYS[1]) >= most then
    return again
end
if between > 0 then
    local spread = (burst - 1) * between
    local turn = tonumber(redis.call('GET', KEYS[2]) or '0')
    if turn < now or turn > now + spread + between then turn = now end
    if turn - spread > now then
        return math.ceil(turn - spread - now)
    end
    redis.call('SET', KEYS[2], turn + between, 'EX', keep)
end
redis.call('ZADD', KEYS[1], now + lease, session)
redis.call('EXPIRE', KEYS[1], keep)
return 0
"""

_RENEW = """
local told = redis.call('TIME')
local until_ = told[1] * 1000 + math.floor(told[2] / 1000) + tonumber(ARGV[1])
for place = 3, #ARGV do
    redis.call('ZADD', KEYS[1], until_, ARGV[place])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class RedisAccountLimits:
    """A `SharedLimits`. What was admitted through this object is remembered in it and renewed together."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._admit = redis.register_script(_ADMIT)
        self._renew = redis.register_script(_RENEW)
        self._held: dict[str, set[str]] = {}

    async def admit(self, account: str, session_id: str, limits: AccountLimits) -> float:
        between = 60_000 / limits.rate_per_minute if limits.rate_per_minute else 0
        arguments = (session_id, limits.concurrency, _LEASE, between, limits.burst, int(ASK_AGAIN * 1000))
        wait = int(await asked(self._admit(keys=[*_keys(account)], args=[*arguments, _FORGET_SECONDS])))
        if not wait:
            self._held.setdefault(account, set()).add(session_id)
        return wait / 1000

    async def release(self, account: str, session_id: str) -> None:
        held = self._held.get(account, set())
        if session_id not in held:
            return
        held.discard(session_id)
        if not held:
            del self._held[account]
        await asked(self._redis.zrem(_keys(account)[0], session_id))

    async def renew(self) -> None:
        for account, sessions in [*self._held.items()]:
            await asked(self._renew(keys=[_keys(account)[0]], args=[_LEASE, _FORGET_SECONDS, *sessions]))


_LEASE = int(LEASE_SECONDS * 1000)


def _keys(account: str) -> tuple[str, str]:
    return f"{_PREFIX}{account}:running", f"{_PREFIX}{account}:turn"
