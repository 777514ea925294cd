"""Opening the stack's Redis with time limits, so that a Redis that is away costs seconds, not minutes."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from spine.errors import ExternalServiceError

T = TypeVar("T")

SOCKET_TIMEOUT = 5.0
CONNECT_TIMEOUT = 2.0
CONNECTIONS = 64
"""At most. Whoever comes when all are in use (two hundred watchers at once) waits for one instead of being refused."""


def open_redis(url: str) -> Redis:
    """A client for one event loop; connects on first use. Close it with `aclose`."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=SOCKET_TIMEOUT,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=CONNECT_TIMEOUT,
        health_check_interval=30,
    )
    return Redis.from_pool(pool)


async def asked(call: Awaitable[T]) -> T:
    """What Redis answers. Raises `ExternalServiceError` while it is away."""
    try:
        return await call
    except (RedisError, OSError, TimeoutError) as error:
        raise ExternalServiceError("Redis does not answer.", service="redis") from error
