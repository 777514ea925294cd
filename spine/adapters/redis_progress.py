"""Progress events in Redis: a capped stream per job to replay from, one channel that wakes the readers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from spine.contracts.progress import ProgressEvent
from spine.errors import ExternalServiceError

CHANNEL = "task_updates"
KEEP_SECONDS = 24 * 3600
KEEP_EVENTS = 20_000
_COUNTED = ":seq"
_SCANNED_AT_ONCE = 500

_logger = logging.getLogger("millrace.progress")

# One step in Redis for any number of events: take the next numbers, store, keep for a day, wake the readers. The
# caller's last number is a floor, so that the count goes on upwards when Redis was emptied in the middle of a job.
_PUBLISH = """
local floor = tonumber(ARGV[1])
local seq = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), floor)
for place = 5, #ARGV do
    seq = seq + 1
    local event = string.gsub(ARGV[place], '"seq":0', '"seq":' .. seq, 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], seq .. '-0', 'event', event)
    redis.call('PUBLISH', ARGV[4], event)
end
redis.call('SET', KEYS[2], seq, 'EX', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return seq
"""


class RedisProgressLog:
    """A `ProgressLog`. Streams live 24 hours after their last event; with Redis away, events are dropped
    and one warning is logged until it is back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_PUBLISH)
        self._last: dict[str, int] = {}
        self._degraded = False

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        [published] = await self.publish_many([event])
        return published

    async def publish_many(self, events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
        job_id = events[0].job_id
        try:
            last = int(
                await self._script(
                    keys=[_stream(job_id), _counter(job_id)],
                    args=[
                        *(self._last.get(job_id, 0), KEEP_SECONDS, KEEP_EVENTS, CHANNEL),
                        *(_with_seq_first(event) for event in events),
                    ],
                )
            )
        except (RedisError, OSError, TimeoutError) as error:
            self._warn_once(error)
            return [*events]
        self._recovered()
        self._remember(job_id, last)
        first = last - len(events) + 1
        return [event.model_copy(update={"seq": seq}) for seq, event in enumerate(events, start=first)]

    async def read(self, job_id: str, since: int = 0, limit: int = 1000) -> list[ProgressEvent]:
        try:
            rows: Any = await self._redis.xrange(_stream(job_id), min=f"({since}-0" if since else "-", count=limit)
        except (RedisError, OSError, TimeoutError) as error:
            self._warn_once(error)
            return []
        return [ProgressEvent.model_validate_json(fields[b"event"]) for _, fields in rows]

    async def held(self) -> list[str]:
        """See `spine.progress.ProgressArchive`. Raises `ExternalServiceError` when Redis does not answer."""
        try:
            names = [name async for name in self._redis.scan_iter(match=_stream("*"), count=_SCANNED_AT_ONCE)]
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from error
        ids = (_text(name).removeprefix(_stream("")) for name in names)
        return sorted(id for id in ids if not id.endswith(_COUNTED))

    async def forget(self, job_ids: Sequence[str]) -> int:
        """See `spine.progress.ProgressArchive`. Raises `ExternalServiceError` when Redis does not answer."""
        removed = 0
        try:
            for job_id in job_ids:
                removed += int(await self._redis.delete(_stream(job_id)))
                await self._redis.delete(_counter(job_id))
        except (RedisError, OSError, TimeoutError) as error:
            raise _away(error) from error
        return removed

    async def announcements(self) -> AsyncIterator[ProgressEvent | None]:
        """See `spine.ports.ProgressLog`. Never ends by itself."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        if message["type"] == "subscribe":  # also after redis-py has connected again by itself
                            yield None
                        elif message["type"] == "message":
                            yield ProgressEvent.model_validate_json(message["data"])
            except (RedisError, OSError, TimeoutError) as error:
                self._warn_once(error)
                await asyncio.sleep(0.5)

    def _remember(self, job_id: str, seq: int) -> None:
        self._last[job_id] = seq
        if len(self._last) > 10_000:
            self._last.pop(next(iter(self._last)))

    def _warn_once(self, error: Exception) -> None:
        if not self._degraded:
            self._degraded = True
            _logger.warning("progress is not delivered: Redis does not answer (%s)", type(error).__name__)

    def _recovered(self) -> None:
        if self._degraded:
            self._degraded = False
            _logger.warning("progress is delivered again")


def _with_seq_first(event: ProgressEvent) -> str:
    """The event as JSON with `seq` in front, so that the script's one substitution cannot meet a message's text."""
    fields: dict[str, Any] = event.model_dump(mode="json")
    return json.dumps({"seq": 0, **{k: v for k, v in fields.items() if k != "seq"}}, separators=(",", ":"))


def _stream(job_id: str) -> str:
    return f"millrace:progress:{job_id}"


def _counter(job_id: str) -> str:
    return f"{_stream(job_id)}{_COUNTED}"


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _away(error: Exception) -> ExternalServiceError:
    return ExternalServiceError(f"Redis does not answer ({type(error).__name__}).", service="redis")
