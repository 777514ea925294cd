"""A Redis of our own at one moment: its snapshot, which is also how its append-only file may begin."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployments.stack.health import quick_redis
from spine.errors import ExternalServiceError, TimeLimitError

if TYPE_CHECKING:
    from redis.asyncio import Redis

APPEND_ONLY: Final = "appendonly.aof"
"""A server that is told to use an append-only file reads this one first, of whatever version it is."""

_SNAPSHOT: Final = "dump.rdb"
_PATIENCE: Final = 120.0


async def save_redis(url: str, folder: Path, target: Path) -> None:
    """Have the server at `url`, which works in `folder`, write a snapshot, and copy it to `target`.

    `ExternalServiceError` when it cannot, `TimeLimitError` after two minutes.
    """
    from redis.exceptions import RedisError

    snapshot = folder / _SNAPSHOT
    await asyncio.to_thread(snapshot.unlink, missing_ok=True)  # an older one; nothing else reads it
    try:
        async with quick_redis(url) as redis:
            await redis.bgsave(schedule=True)
            await _written(redis, snapshot)
    except RedisError as error:
        raise ExternalServiceError(f"Redis cannot write a snapshot: {error}", service="redis") from error
    await asyncio.to_thread(_take, snapshot, target)


def _take(snapshot: Path, target: Path) -> None:
    target.touch(mode=0o600)
    shutil.copyfile(snapshot, target)
    snapshot.unlink()


async def _written(redis: Redis, snapshot: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        told = await redis.info("persistence")
        if told["rdb_last_bgsave_status"] != "ok":
            raise ExternalServiceError("Redis could not write a snapshot: see logs/redis.log.", service="redis")
        if await asyncio.to_thread(snapshot.exists) and not told["rdb_bgsave_in_progress"]:
            return
        await asyncio.sleep(0.05)
    raise TimeLimitError("Redis did not end its snapshot in time.", limit_seconds=_PATIENCE)
