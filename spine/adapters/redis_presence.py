"""Presence in Redis: one expiring key per lane process, one for the last tick, one per leadership."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from spine.errors import ExternalServiceError
from spine.presence import SILENT_AFTER_SECONDS, LaneStatus

_PREFIX = "millrace:lane:"
_TICK = "millrace:scheduler:tick"
_DAY = 24 * 3600
T = TypeVar("T")


class RedisPresence:
    """A `Presence`. Raises `ExternalServiceError` while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, lane: LaneStatus) -> None:
        await _asked(self._redis.set(_key(lane), lane.model_dump_json(), ex=SILENT_AFTER_SECONDS))

    async def withdraw(self, lane: LaneStatus) -> None:
        await _asked(self._redis.delete(_key(lane)))

    async def lanes(self) -> list[LaneStatus]:
        keys = await _asked(self._keys())
        if not keys:
            return []
        bodies: list[Any] = await _asked(self._redis.mget(keys))
        found = [LaneStatus.model_validate_json(body) for body in bodies if body]
        return sorted(found, key=lambda lane: (lane.name, lane.worker))

    async def tick(self) -> None:
        await _asked(self._redis.set(_TICK, repr(time.time()), ex=_DAY))

    async def tick_age(self) -> float | None:
        last = await _asked(self._redis.get(_TICK))
        return None if last is None else round(max(0.0, time.time() - float(last)), 3)

    async def lead(self, task: str, holder: str, seconds: float) -> bool:
        key, milliseconds = f"millrace:leader:{task}", int(seconds * 1000)
        if await _asked(self._redis.set(key, holder, nx=True, px=milliseconds)):
            return True
        present = await _asked(self._redis.get(key))
        if present is None or _text(present) != holder:
            await self._shorten(key, milliseconds)
            return False
        await _asked(self._redis.pexpire(key, milliseconds))
        return True

    async def _shorten(self, key: str, milliseconds: int) -> None:
        """Redis counts by its wall clock: one that was put back would keep a leader that is gone for as long."""
        if await _asked(self._redis.pttl(key)) > milliseconds:
            await _asked(self._redis.pexpire(key, milliseconds))

    async def _keys(self) -> list[Any]:
        return [key async for key in self._redis.scan_iter(match=f"{_PREFIX}*", count=500)]


async def _asked(call: Awaitable[T]) -> T:
    try:
        return await call
    except (RedisError, OSError, TimeoutError) as error:
        raise ExternalServiceError("Redis does not answer.", service="redis") from error


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _key(lane: LaneStatus) -> str:
    return f"{_PREFIX}{lane.name}:{lane.worker}"
