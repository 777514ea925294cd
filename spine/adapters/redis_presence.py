"""Presence in Redis: one expiring key per lane process, one for the last tick, one per leadership."""

from __future__ import annotations

import time
from typing import Any

from redis.asyncio import Redis

from spine.adapters.redis_client import asked
from spine.presence import SILENT_AFTER_SECONDS, LaneStatus

_PREFIX = "millrace:lane:"
_TICK = "millrace:scheduler:tick"
_DAY = 24 * 3600


class RedisPresence:
    """A `Presence`. Raises `ExternalServiceError` while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def announce(self, lane: LaneStatus) -> None:
        await asked(self._redis.set(_key(lane), lane.model_dump_json(), ex=SILENT_AFTER_SECONDS))

    async def withdraw(self, lane: LaneStatus) -> None:
        await asked(self._redis.delete(_key(lane)))

    async def lanes(self) -> list[LaneStatus]:
        keys = await asked(self._keys())
        if not keys:
            return []
        bodies: list[Any] = await asked(self._redis.mget(keys))
        found = [LaneStatus.model_validate_json(body) for body in bodies if body]
        return sorted(found, key=lambda lane: (lane.name, lane.worker))

    async def tick(self) -> None:
        await asked(self._redis.set(_TICK, repr(time.time()), ex=_DAY))

    async def tick_age(self) -> float | None:
        last = await asked(self._redis.get(_TICK))
        return None if last is None else round(max(0.0, time.time() - float(last)), 3)

    async def lead(self, task: str, holder: str, seconds: float) -> bool:
        key, milliseconds = f"millrace:leader:{task}", int(seconds * 1000)
        if await asked(self._redis.set(key, holder, nx=True, px=milliseconds)):
            return True
        present = await asked(self._redis.get(key))
        if present is None or _text(present) != holder:
            await self._shorten(key, milliseconds)
            return False
        await asked(self._redis.pexpire(key, milliseconds))
        return True

    async def _shorten(self, key: str, milliseconds: int) -> None:
        """Redis counts by its wall clock: one that was put back would keep a leader that is gone for as long."""
        if await asked(self._redis.pttl(key)) > milliseconds:
            await asked(self._redis.pexpire(key, milliseconds))

    async def _keys(self) -> list[Any]:
        return [key async for key in self._redis.scan_iter(match=f"{_PREFIX}*", count=500)]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _key(lane: LaneStatus) -> str:
    return f"{_PREFIX}{lane.name}:{lane.worker}"
