"""Progress events in Redis: a capped stream per job to replay from, one channel that wakes the readers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from spine.adapters.micro_batches import MicroBatches
from spine.contracts.progress import ProgressEvent
from spine.errors import ExternalServiceError

CHANNEL = "task_updates"
KEEP_SECONDS = 24 * 3600
KEEP_EVENTS = 20_000
_COUNTED = ":seq"
_SCANNED_AT_ONCE = 500

_logger = logging.getLogger("millrace.progress")

# One step in Redis for any number of events of any number of jobs: take a job's next numbers, store, keep for a day,
# wake the readers. The caller's last number is a floor, so that the count goes on upwards when Redis was emptied in
# the middle of a job.
_PUBLISH = """
local keep, cap, channel = ARGV[1], ARGV[2], ARGV[3]
local place, last = 4, {}
for job = 1, #KEYS / 2 do
    local stream, counter = KEYS[2 * job - 1], KEYS[2 * job]
    local seq = math.max(tonumber(redis.call('GET', counter) or '0'), tonumber(ARGV[place]))
    local first = place + 2
    place = first + tonumber(ARGV[place + 1])
    for event_place = first, place - 1 do
        seq = seq + 1
        local event = string.gsub(ARGV[event_place], '"seq":0', '"seq":' .. seq, 1)
        redis.call('XADD', stream, 'MAXLEN', '~', cap, seq .. '-0', 'event', event)
        redis.call('PUBLISH', channel, event)
    end
    redis.call('SET', counter, seq, 'EX', keep)
    redis.call('EXPIRE', stream, keep)
    last[job] = seq
end
return last
"""
_TOGETHER = 32
"""Publications in one step, at most: nobody else is served meanwhile."""


class RedisProgressLog:
    """A `ProgressLog`. Streams live 24 hours after their last event; with Redis away, events are dropped
    and one warning is logged until it is back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._script = redis.register_script(_PUBLISH)
        self._steps = MicroBatches(self._step, _TOGETHER)
        self._last: dict[str, int] = {}
        self._degraded = False

    async def publish(self, event: ProgressEvent) -> ProgressEvent:
        [published] = await self.publish_many([event])
        return published

    async def publish_many(self, events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
        try:
            last = await self._steps.call(events)
        except (RedisError, OSError, TimeoutError) as error:
            self._warn_once(error)
            return [*events]
        self._recovered()
        self._remember(events[0].job_id, last)
        first = last - len(events) + 1
        return [event.model_copy(update={"seq": seq}) for seq, event in enumerate(events, start=first)]

    async def _step(self, publications: Sequence[Sequence[ProgressEvent]]) -> list[int]:
        """The last number of each."""
        keys: list[str] = []
        arguments: list[str | int] = [KEEP_SECONDS, KEEP_EVENTS, CHANNEL]
        for events in publications:
            job_id = events[0].job_id
            keys += (_stream(job_id), _counter(job_id))
            arguments += (self._last.get(job_id, 0), len(events), *map(_with_seq_first, events))
        return await self._script(keys=keys, args=arguments)

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
