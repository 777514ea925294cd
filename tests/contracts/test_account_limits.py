"""What both keepers of account limits promise: every lane counts together, and nothing stays counted for ever."""

from __future__ import annotations

import asyncio
import time

import pytest
from redis.asyncio import Redis

from spine.account_limits import ASK_AGAIN, AccountLimits, SharedLimits
from spine.adapters import redis_account_limits
from spine.adapters.redis_account_limits import RedisAccountLimits
from spine.adapters.redis_client import open_redis
from spine.errors import ExternalServiceError
from spine.testing.memory_account_limits import MemoryAccountLimits
from tests.conftest import until

SHOP = "telegram:shop"


@pytest.fixture(params=["redis", "memory"])
async def lanes(request: pytest.FixtureRequest, redis: Redis) -> tuple[SharedLimits, SharedLimits]:
    """The limits as two lanes see them."""
    if request.param == "redis":
        return RedisAccountLimits(redis), RedisAccountLimits(redis)
    both = MemoryAccountLimits()
    return both, both


async def test_lanes_together_answer_no_more_messages_of_an_account_than_it_allows(
    lanes: tuple[SharedLimits, SharedLimits],
) -> None:
    limits = AccountLimits(concurrency=3)
    waits = [await lanes[number % 2].admit(SHOP, f"s{number}", limits) for number in range(5)]
    assert waits == [0, 0, 0, ASK_AGAIN, ASK_AGAIN]
    assert await lanes[0].admit("telegram:other", "s9", limits) == 0
    await lanes[0].release(SHOP, "s0")
    assert await lanes[1].admit(SHOP, "s3", limits) == 0


async def test_of_lanes_that_ask_at_the_same_time_one_is_admitted(lanes: tuple[SharedLimits, SharedLimits]) -> None:
    limits = AccountLimits(concurrency=1)
    waits = await asyncio.gather(*(lanes[number % 2].admit(SHOP, f"s{number}", limits) for number in range(20)))
    assert sorted(waits)[:2] == [0, ASK_AGAIN]


async def test_a_session_that_is_asked_for_again_counts_once(lanes: tuple[SharedLimits, SharedLimits]) -> None:
    limits = AccountLimits(concurrency=1)
    assert [await lane.admit(SHOP, "s1", limits) for lane in (*lanes, *lanes)] == [0, 0, 0, 0]


async def test_what_was_never_admitted_can_be_released(lanes: tuple[SharedLimits, SharedLimits]) -> None:
    await lanes[0].admit(SHOP, "s1", AccountLimits(concurrency=1))
    await lanes[0].release(SHOP, "s2")
    assert await lanes[1].admit(SHOP, "s2", AccountLimits(concurrency=1)) == ASK_AGAIN


@pytest.mark.parametrize(("rate", "together"), [(600, 60), (60, 6), (6, 1), (1, 1)])
async def test_messages_of_six_seconds_may_begin_together_and_the_next_one_waits_its_turn(
    lanes: tuple[SharedLimits, SharedLimits], rate: int, together: int
) -> None:
    limits = AccountLimits(rate_per_minute=rate)
    waits = [await lanes[number % 2].admit(SHOP, f"s{number}", limits) for number in range(together)]
    assert waits == [0] * together
    wait = await lanes[0].admit(SHOP, "late", limits)
    assert 0 < wait <= 60 / rate


async def test_a_rate_lets_the_next_message_begin_when_its_turn_comes(
    lanes: tuple[SharedLimits, SharedLimits],
) -> None:
    limits = AccountLimits(rate_per_minute=600)
    assert not any([await lanes[0].admit(SHOP, f"s{number}", limits) for number in range(60)])

    async def begins() -> bool:
        return await lanes[1].admit(SHOP, "next", limits) == 0

    assert not await begins()
    await until(begins, within=2)


async def test_a_refused_message_does_not_use_up_the_rate(lanes: tuple[SharedLimits, SharedLimits]) -> None:
    limits = AccountLimits(concurrency=1, rate_per_minute=20)  # two together
    assert await lanes[0].admit(SHOP, "s1", limits) == 0
    for _ in range(10):
        assert await lanes[1].admit(SHOP, "s2", limits) == ASK_AGAIN
    await lanes[0].release(SHOP, "s1")
    assert await lanes[1].admit(SHOP, "s2", limits) == 0


# -- what only a server that outlives the lanes has to see to ---------------------------------------------------


async def test_the_places_of_a_lane_that_died_become_free_and_those_of_a_living_one_stay(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_account_limits, "_LEASE", 300)
    limits, dead, alive, other = AccountLimits(concurrency=2), *(RedisAccountLimits(redis) for _ in range(3))
    assert await dead.admit(SHOP, "s1", limits) == 0
    assert await alive.admit(SHOP, "s2", limits) == 0

    async def frees() -> bool:
        await alive.renew()
        return await other.admit(SHOP, "s3", limits) == 0

    assert not await frees()
    await until(frees, within=5)
    assert await other.admit(SHOP, "s4", limits) == ASK_AGAIN, "the living lane's place was given away"


async def test_claims_and_turns_from_before_the_clock_was_put_back_block_nobody(redis: Redis) -> None:
    limits = AccountLimits(concurrency=1, rate_per_minute=6)
    an_hour_ahead = (time.time() + 3600) * 1000
    await redis.zadd(f"millrace:account:{SHOP}:running", {"gone": an_hour_ahead})
    await redis.set(f"millrace:account:{SHOP}:turn", an_hour_ahead)
    assert await RedisAccountLimits(redis).admit(SHOP, "s1", limits) == 0


async def test_nothing_is_left_behind_when_an_account_falls_silent(redis: Redis) -> None:
    lane = RedisAccountLimits(redis)
    await lane.admit(SHOP, "s1", AccountLimits(concurrency=1, rate_per_minute=60))
    await lane.renew()
    keys = [key async for key in redis.scan_iter(match="millrace:account:*")]
    assert len(keys) == 2
    assert all([0 < await redis.ttl(key) <= 600 for key in keys])


async def test_a_redis_that_is_away_is_told_as_such() -> None:
    lane = RedisAccountLimits(open_redis("redis://127.0.0.1:1/0"))
    with pytest.raises(ExternalServiceError, match="Redis does not answer"):
        await lane.admit(SHOP, "s1", AccountLimits(concurrency=1))
