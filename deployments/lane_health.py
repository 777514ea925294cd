"""Whether a lane of this machine says that it is there: the health check of a container that runs one."""

from __future__ import annotations

import socket

from deployments.stack.health import quick_redis
from spine.adapters.redis_presence import RedisPresence
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.settings import Settings


async def require_lane(config: Settings, host: str | None = None) -> None:
    """Return when a lane of `host`, this machine without it, announces itself; `ExternalServiceError` otherwise.

    While Redis is away nothing is known, and nothing is held against the lane: it goes on with what it has, and
    restarting it would cost that.
    """
    if config.redis_url is None:
        raise NotConfiguredError("A lane needs MILLRACE_REDIS_URL.", what="MILLRACE_REDIS_URL")
    name = host or socket.gethostname()
    try:
        async with quick_redis(config.redis_url.get_secret_value()) as redis:
            lanes = await RedisPresence(redis).lanes()
    except ExternalServiceError:
        return
    if not any(f"@{name}:" in lane.worker for lane in lanes):
        raise ExternalServiceError(f"No lane of {name} announces itself.", service="lane")
