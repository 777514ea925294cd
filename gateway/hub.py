"""One ear on the progress log for all WebSockets of a gateway process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.replay import ending, is_end
from gateway.subscription import QUEUE_SIZE, REPLAY_PAGE, Announced, Subscription
from spine.contracts.progress import ProgressEvent
from spine.errors import MillraceError, NotFoundError
from spine.jobs import JobLedger
from spine.ports import ProgressLog

RECHECK_SECONDS = 10.0
"""A watched job that was silent for this long is looked up: an announcement may have been lost with a connection."""

FORGET_SECONDS = 3600.0

_logger = logging.getLogger("millrace.gateway")


@dataclass(slots=True)
class _Feed:
    """What the hub has heard of one job."""

    heard: int = 0
    ended: bool = False
    touched: float = field(default_factory=time.monotonic)
    watchers: set[Subscription] = field(default_factory=set[Subscription])

    def had_by_all(self, job_id: str) -> int:
        """The last number that every watcher has: one of them may have read on by itself while others wait."""
        return min([self.heard, *(had for watcher in self.watchers if (had := watcher.position(job_id)) is not None)])

    def note(self, event: ProgressEvent) -> None:
        if event.seq >= self.heard:
            self.heard, self.ended, self.touched = event.seq, is_end(event), time.monotonic()


class ProgressHub:
    """Hands every announced event to the subscriptions that want it. Lives as long as the application runs.

    The log is the truth and announcements are hints: a lost one is noticed by its number, or by the recheck.
    """

    def __init__(
        self,
        log: ProgressLog,
        ledger: JobLedger,
        *,
        on_event: Callable[[ProgressEvent], None] = lambda _: None,
        queue_size: int = QUEUE_SIZE,
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._on_event = on_event
        self._queue_size = queue_size
        self._recheck_seconds = recheck_seconds
        self._feeds: dict[str, _Feed] = {}
        self._watch_all: set[Subscription] = set()

    @property
    def watchers(self) -> int:
        return len(self._watch_all) + sum(len(feed.watchers) for feed in self._feeds.values())

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._recheck_for_ever())

    @contextmanager
    def subscribe(self, job_id: str | None, since: int = 0) -> Generator[Subscription]:
        """Watch one job from the event after `since` on, or every job from now on."""
        subscription = Subscription(self, job_id, since, self._queue_size)
        watchers = self._watch_all if job_id is None else self._feeds.setdefault(job_id, _Feed()).watchers
        watchers.add(subscription)
        try:
            yield subscription
        finally:
            watchers.discard(subscription)
            if job_id is not None and not watchers and not self._watch_all:
                self._feeds.pop(job_id, None)

    # -- the archive of its subscriptions ----------------------------------------------------------------

    async def events(self, job_id: str, since: int) -> list[Announced]:
        found = [Announced.of(event) for event in await self._log.read(job_id, since, REPLAY_PAGE)]
        if found and (feed := self._feeds.get(job_id)):
            feed.note(found[-1].event)
        return found

    async def ending(self, job_id: str, seq: int) -> Announced | None:
        try:
            event = ending(await self._ledger.get(job_id), seq)
        except MillraceError as error:
            _logger.warning("the record of %s cannot be read: %s", job_id, type(error).__name__)
            return None
        return Announced.of(event) if event else None

    # -- listening ---------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                async for event in self._log.announcements():
                    if event is None:
                        await self._look_up_all()
                    else:
                        self._announce(event)
            except Exception:
                _logger.exception("listening to progress was interrupted; listening again")
            await asyncio.sleep(0.5)

    def _announce(self, event: ProgressEvent) -> None:
        self._on_event(event)
        feed = self._feeds.get(event.job_id)
        if feed is None and self._watch_all:
            feed = self._feeds[event.job_id] = _Feed()
        if feed is not None:
            feed.note(event)
            self._hand_out(feed, event)

    def _hand_out(self, feed: _Feed, event: ProgressEvent) -> None:
        announced = Announced.of(event)
        for subscription in (*feed.watchers, *self._watch_all):
            subscription.offer(announced)

    async def _recheck_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._recheck_seconds)
            await self._for_each_feed(self._recheck)

    async def _look_up_all(self) -> None:
        """What was announced before we listened has reached nobody."""
        await self._for_each_feed(self._look_up)

    async def _for_each_feed(self, look: Callable[[str, _Feed], Awaitable[None]]) -> None:
        for job_id, feed in list(self._feeds.items()):
            try:
                await look(job_id, feed)
            except MillraceError as error:
                _logger.warning("progress of %s was not looked up: %s", job_id, error)

    async def _recheck(self, job_id: str, feed: _Feed) -> None:
        """Look a job up that was silent for long; forget one that nobody watches."""
        silent = time.monotonic() - feed.touched
        if not feed.watchers and (not self._watch_all or feed.ended or silent > FORGET_SECONDS):
            self._feeds.pop(job_id, None)
            return
        if silent >= self._recheck_seconds:
            await self._look_up(job_id, feed)

    async def _look_up(self, job_id: str, feed: _Feed) -> None:
        """Hand out what was published and not announced; tell the end of a job whose last event was lost."""
        missed = await self._log.read(job_id, feed.had_by_all(job_id), REPLAY_PAGE)
        if not missed and not feed.ended:
            missed = await self._lost_end(job_id, feed)
        for event in missed:
            feed.note(event)
            self._hand_out(feed, event)

    async def _lost_end(self, job_id: str, feed: _Feed) -> list[ProgressEvent]:
        try:
            event = ending(await self._ledger.get(job_id), feed.heard + 1)
        except NotFoundError:
            return []
        return [event] if event else []
