"""Renews leases from a thread of its own: a lane whose event loop is busy is slow, not dead."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from deployments.side_thread import SideThread
from spine.contracts.jobs import Job
from spine.errors import MillraceError
from spine.jobs import JobLedger
from spine.ports import Documents

_logger = logging.getLogger("millrace.leases")

LOOK_SECONDS = 1.0
"""At most, between two looks for cancels: whoever cancels a job waits for its end."""

Also = Callable[[Documents], Awaitable[None]]
"""Something else that has to be renewed, with the thread's own store."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    job: Job
    news: asyncio.Future[Job | None]
    loop: asyncio.AbstractEventLoop
    since: float = field(default_factory=time.monotonic)

    def tell(self, job: Job | None) -> None:
        with suppress(RuntimeError):  # that loop was closed; nobody waits there any more
            self.loop.call_soon_threadsafe(self._resolve, job)

    def _resolve(self, job: Job | None) -> None:
        if not self.news.done():
            self.news.set_result(job)


class LeaseThread(SideThread):
    """A `LeaseKeeper` with its own connection to the store, from entering until leaving."""

    def __init__(self, open_store: Callable[[], Documents], lease: timedelta) -> None:
        super().__init__("leases")
        self._open_store = open_store
        self._lease = lease
        self._kept: set[_Kept] = set()
        self._also: list[Also] = []

    def also(self, renew: Also) -> None:
        """Call this in every round."""
        self._also.append(renew)

    @contextmanager
    def kept(self, job: Job) -> Generator[Awaitable[Job | None]]:
        loop = asyncio.get_running_loop()
        kept = _Kept(job, loop.create_future(), loop)
        self._kept.add(kept)
        try:
            yield kept.news
        finally:
            self._kept.discard(kept)
            kept.news.cancel()

    async def _work(self) -> None:
        store = self._open_store()
        ledger = JobLedger(store, self._lease)
        try:
            pause = self._lease.total_seconds() / 5
            looks, look = ceil(pause / LOOK_SECONDS), 0
            while await self._pause(pause / looks):
                await self._tell_of_cancels(ledger)
                look = (look + 1) % looks
                if look:
                    continue
                renewals = [self._renew(ledger, kept) for kept in self._by_job(time.monotonic() - pause)]
                for failed in await asyncio.gather(*renewals, self._renew_rest(store), return_exceptions=True):
                    if failed is not None:
                        _logger.error("a lease was not renewed", exc_info=failed)
        finally:
            await store.close()

    async def _tell_of_cancels(self, ledger: JobLedger) -> None:
        """One question for all that are kept, those that have just begun too."""
        places = list(self._kept)
        if not places:
            return
        try:
            cancelled = await ledger.cancelled_among({kept.job.job_id for kept in places})
        except MillraceError as error:
            _logger.warning("nobody could look for cancels: %s", error)
            return
        attempts = {(job.job_id, job.attempts): job for job in cancelled}
        for kept in places:
            if job := attempts.get((kept.job.job_id, kept.job.attempts)):
                kept.tell(job)

    def _by_job(self, kept_before: float) -> list[list[_Kept]]:
        """An attempt that is kept in two places is renewed once; one that has just begun has a fresh lease yet, and has
        often ended by the next round. Of two attempts of a job only the earlier one hears that it is over."""
        jobs: dict[tuple[str, int], list[_Kept]] = {}
        for kept in [one for one in list(self._kept) if one.since < kept_before]:
            jobs.setdefault((kept.job.job_id, kept.job.attempts), []).append(kept)
        return list(jobs.values())

    async def _renew(self, ledger: JobLedger, places: list[_Kept]) -> None:
        try:
            job = await ledger.heartbeat(places[0].job)
        except MillraceError as error:
            _logger.warning("the lease of %s was not renewed: %s", places[0].job.job_id, error)
            return
        if job is None:
            for kept in self._kept.intersection(places):
                kept.tell(None)

    async def _renew_rest(self, store: Documents) -> None:
        for renew in self._also:
            try:
                await renew(store)
            except MillraceError as error:
                _logger.warning("a lease was not renewed: %s", error)
