"""Renews leases from a thread of its own: a lane whose event loop is busy is slow, not dead."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from spine.contracts.jobs import Job
from spine.errors import MillraceError
from spine.jobs import JobLedger
from spine.ports import Documents

_logger = logging.getLogger("millrace.leases")

Also = Callable[[Documents], Awaitable[None]]
"""Something else that has to be renewed, with the thread's own store."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    job: Job
    news: asyncio.Future[Job | None]
    loop: asyncio.AbstractEventLoop

    def tell(self, job: Job | None) -> None:
        with suppress(RuntimeError):  # that loop was closed; nobody waits there any more
            self.loop.call_soon_threadsafe(self._resolve, job)

    def _resolve(self, job: Job | None) -> None:
        if not self.news.done():
            self.news.set_result(job)


class LeaseThread:
    """A `LeaseKeeper` with its own event loop and its own connection to the store, from `start` to `close`.

    A loop that is stuck for good is not its business: `deployments.loop_watchdog` ends such a process, and the leases
    with it.
    """

    def __init__(self, open_store: Callable[[], Documents], lease: timedelta) -> None:
        self._open_store = open_store
        self._lease = lease
        self._kept: set[_Kept] = set()
        self._also: list[Also] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._renew_forever()), name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

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

    async def _renew_forever(self) -> None:
        store = self._open_store()
        ledger = JobLedger(store, self._lease)
        try:
            while not await asyncio.to_thread(self._ending.wait, self._lease.total_seconds() / 5):
                renewals = [self._renew(ledger, kept) for kept in list(self._kept)]
                for failed in await asyncio.gather(*renewals, self._renew_rest(store), return_exceptions=True):
                    if failed is not None:
                        _logger.error("a lease was not renewed", exc_info=failed)
        finally:
            await store.close()

    async def _renew(self, ledger: JobLedger, kept: _Kept) -> None:
        try:
            job = await ledger.heartbeat(kept.job)
        except MillraceError as error:
            _logger.warning("the lease of %s was not renewed: %s", kept.job.job_id, error)
            return
        if kept in self._kept and (job is None or job.cancel_requested):
            kept.tell(job)

    async def _renew_rest(self, store: Documents) -> None:
        for renew in self._also:
            try:
                await renew(store)
            except MillraceError as error:
                _logger.warning("a lease was not renewed: %s", error)
