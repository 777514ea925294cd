"""The health checks of containers: who is well, who is not, and who is not asked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from redis.asyncio import from_url

from deployments.containers.answers import complaint
from deployments.lane_health import require_lane
from deployments.stack.home import Home
from deployments.stack.redis_server import find_redis, redis_part, redis_url
from deployments.stack.serving import serving
from spine.adapters.redis_presence import RedisPresence
from spine.errors import ExternalServiceError, NotConfiguredError
from spine.presence import LaneStatus
from spine.settings import Settings
from spine.testing.loopback_telegram import LoopbackTelegram
from tests.stack.whole_stack import free_port

pytestmark = pytest.mark.stack


def lane_of(host: str) -> LaneStatus:
    return LaneStatus(name="live", worker=f"live@{host}:{os.getpid()}", queues={"default": 1}, concurrency=1)


@pytest.mark.skipif(find_redis() is None, reason="no redis-server")
async def test_a_lane_is_well_while_one_of_its_machine_announces_itself(tmp_path: Path) -> None:
    home, port = Home(tmp_path / "home"), free_port()
    home.prepare()
    url = redis_url("a-password", port)
    config = Settings.model_validate({"home": home.root, "redis_url": url})
    async with serving([redis_part(home, "a-password", port)], home), from_url(url) as redis:
        with pytest.raises(ExternalServiceError, match="No lane of"):
            await require_lane(config)
        await RedisPresence(redis).announce(lane_of("another-machine"))
        with pytest.raises(ExternalServiceError, match="No lane of"):
            await require_lane(config)
        await RedisPresence(redis).announce(lane_of(socket.gethostname()))
        await require_lane(config)
    await require_lane(config)  # Redis is away: nothing is known, and nothing held against the lane


async def test_a_lane_without_redis_is_told_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(NotConfiguredError, match="MILLRACE_REDIS_URL"):
        await require_lane(Settings.model_validate({"home": tmp_path}))


def test_an_address_answers_or_it_is_said_why_not() -> None:
    server = LoopbackTelegram()
    server.start()
    try:
        assert complaint(f"{server.url}/__calls") is None
        assert "404" in (complaint(f"{server.url}/nothing") or "")
    finally:
        server.close()
    assert complaint(f"http://127.0.0.1:{free_port()}/") is not None
