"""Results of stages in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr
from redis.asyncio import Redis

from blocks.stage_results import StageResults
from spine.testing.redis_server import RedisServer


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as server:
        yield server


@pytest.fixture
async def results(server: RedisServer) -> StageResults:
    return StageResults(connection_url=SecretStr(f"{server.url}?socket_timeout=3"), key_ttl=60)


async def test_results_are_kept_for_their_time_over_connections_that_stay_open(
    server: RedisServer, results: StageResults
) -> None:
    async with Redis.from_url(server.url) as redis:
        before = (await redis.info("stats"))["total_connections_received"]
        for number in range(20):
            assert await results.awrite_path(f"key {number}", b"made")
            assert await results.aread_path(f"key {number}") == b"made"

        assert 0 < await redis.ttl("key 3") <= 60
        assert (await redis.info("stats"))["total_connections_received"] == before + 1


async def test_more_at_once_than_there_are_connections_wait_for_one(results: StageResults) -> None:
    await asyncio.gather(*(results.awrite_path(f"{number}", b"x" * 1000) for number in range(500)))

    assert all(await asyncio.gather(*(results.aread_path(f"{number}") for number in range(500))))


async def test_a_redis_that_was_started_again_is_found_again(server: RedisServer, results: StageResults) -> None:
    await results.awrite_path("a", b"1")
    server.kill()
    server.start()

    assert await results.awrite_path("b", b"2")
    assert await results.aread_path("b") == b"2"


def test_each_event_loop_has_connections_of_its_own(server: RedisServer) -> None:
    block = StageResults(connection_url=SecretStr(server.url))

    async def kept() -> bytes:
        await block.awrite_path("a", b"1")
        return await block.aread_path("a")

    assert [asyncio.run(kept()), asyncio.run(kept())] == [b"1", b"1"]


def test_prefect_finds_the_block_by_its_name_alone() -> None:
    assert Block.get_block_class_from_key("stage-results") is StageResults
