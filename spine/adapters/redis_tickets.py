"""One-use marks in Redis, shared by all gateways of a stack."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

from spine.errors import ExternalServiceError


class RedisTicketStore:
    """Remembers which tickets were used, for as long as they would have been valid. Redis away: none is accepted."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def spend(self, nonce: str, seconds: float) -> bool:
        """Mark `nonce` as used; False when it was used before. One caller ever gets True."""
        try:
            marked = await self._redis.set(f"millrace:ticket:{nonce}", 1, nx=True, px=int(seconds * 1000))
        except (RedisError, OSError, TimeoutError) as error:
            raise ExternalServiceError("Redis does not answer; log in with the token.", service="redis") from error
        return bool(marked)
