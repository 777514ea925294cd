"""Opening the stack's Redis with time limits, so that a Redis that is away costs seconds, not minutes."""

from __future__ import annotations

from redis.asyncio import Redis

SOCKET_TIMEOUT = 5.0
CONNECT_TIMEOUT = 2.0


def open_redis(url: str) -> Redis:
    """A client for one event loop; connects on first use. Close it with `aclose`."""
    return Redis.from_url(
        url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=CONNECT_TIMEOUT, health_check_interval=30
    )
