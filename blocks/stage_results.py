"""Where the results of stages are kept in a stack: Redis, over connections that stay open."""

from __future__ import annotations

import asyncio
from typing import Final, cast
from weakref import WeakKeyDictionary

from prefect_redis import RedisDatabase
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_CONNECTIONS: Final = 64
_LONGEST_WAIT: Final = 5.0
"""Seconds for a connection when all are in use; who waits longer goes on without the stored result."""

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Redis]] = WeakKeyDictionary()
"""Clients by address. They belong to an event loop and go with it."""


class StageResults(RedisDatabase):
    """A `Redis Database` that is not dialled anew for every result.

    The block it comes from opens a connection for each read and each write: two for every task, which took more
    processor time than all the rest of a small job.
    """

    _block_type_name = "Stage Results"
    _block_type_slug = "stage-results"
    _description = "The Redis that keeps results of stages; made by `millrace up`."

    async def aread_path(self, path: str) -> bytes:
        return cast("bytes", await self._client().get(path))  # None where nothing is kept, as in the original

    async def awrite_path(self, path: str, content: bytes) -> bool:
        return await self._client().set(path, content, ex=self.key_ttl) is True

    def _client(self) -> Redis:
        assert self.connection_url is not None
        url = self.connection_url.get_secret_value()
        of_loop = _clients.setdefault(asyncio.get_running_loop(), {})
        if url not in of_loop:
            once_more = Retry(NoBackoff(), 1)  # a kept connection may be one to a Redis that was started again since
            pool = BlockingConnectionPool.from_url(
                url, max_connections=_CONNECTIONS, timeout=_LONGEST_WAIT, retry=once_more
            )
            of_loop[url] = Redis.from_pool(pool)
        return of_loop[url]
