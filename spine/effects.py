"""The effect ledger: what is done outside once and must not be done again by a retry, a crash or a twin.

A record lives in the collection `effects` under its key, is stored before the outside call and holds its outcome
afterwards. It is kept as long as the thing that it made may have to be found again; nothing here removes it but
`forget`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Literal

from spine.contracts.timestamps import iso, utc_now
from spine.documents import EFFECTS
from spine.errors import DuplicateError, MillraceError, PermanentError, RateLimitError
from spine.idempotency import new_id
from spine.ports import Document, Documents

_logger = logging.getLogger("millrace.effects")

Outcome = dict[str, str | int | None]
"""What an outside call made, as far as it is needed to find it again: `{"post_id": 17}`. Flat."""

Make = Callable[[], Awaitable[Outcome]]
Find = Callable[[], Awaitable[Outcome | None]]

_Claim = Literal["ours", "again", "taken"]


class EffectLedger:
    """Makes each outside effect happen once, however often and by however many processes it is asked for.

    Whoever makes an effect holds a lease on its record and renews it. When a process dies, its lease runs out after
    `lease`; the next one then looks outside (`find`) before it makes anything. The lease is also how long an outside
    service may take to finish a request whose sender is gone: what appears there later is not seen by `once`.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        job_id: str = "",
        lease: timedelta = timedelta(seconds=10),
        poll_seconds: float = 0.25,
    ) -> None:
        self._documents = documents
        self._job_id = job_id
        self._lease = lease
        self._poll_seconds = poll_seconds

    async def outcome(self, key: str) -> Outcome | None:
        """What the effect made; None when it is not known to have happened."""
        return _outcome_of(await self._documents.get(EFFECTS, key))

    async def once(self, key: str, *, make: Make, find: Find) -> Outcome:
        """The effect's outcome: recorded earlier, found outside, or made now.

        Args:
            key: Names the effect (`spine.idempotency.effect_key`); its hash should travel with the call.
            make: Does the call. When it raises `PermanentError` or `RateLimitError`, nothing was done, and the next
                `once` may try at once; after every other exception it waits until the lease has run out.
            find: Looks outside for what an earlier call made; None when there is nothing. It is asked only when
                there may have been one. A service that can tell nothing gives None and gets the call twice at worst.
        """
        looked = False
        while (known := await self.outcome(key)) is None:
            holder = new_id("call")
            claim = await self._claim(key, holder)
            if claim != "taken":
                return await self._perform(key, holder, make, find if claim == "again" else None)
            if not looked and (found := await find()) is not None:
                return await self._record(key, found)
            looked = True
            await asyncio.sleep(self._poll_seconds)
        return known

    async def forget(self, key: str, outcome: Outcome) -> None:
        """What this outcome names is gone outside; the next `once` makes it anew. A newer outcome stays."""
        where = {f"outcome.{name}": value for name, value in outcome.items()}
        await self._documents.delete(EFFECTS, {"_id": key, "state": "done", **where})

    async def _claim(self, key: str, holder: str) -> _Claim:
        """Store the key before the call; of several callers one gets it. "again": there was an attempt before."""
        now = utc_now()
        held = {"state": "begun", "holder": holder, "lease_until": iso(now + self._lease)}
        record = {"_id": key, "key": key, "job_id": self._job_id, "attempts": 1, "begun": iso(now), **held}
        with suppress(DuplicateError):
            await self._documents.insert(EFFECTS, record)
            return "ours"
        free = {"_id": key, "state": "begun", "lease_until": {"$lte": iso(now)}}
        taken_over = await self._documents.update(EFFECTS, free, set=held, inc={"attempts": 1})
        return "again" if taken_over is not None else "taken"

    async def _perform(self, key: str, holder: str, make: Make, find: Find | None) -> Outcome:
        try:
            async with self._renewed(key, holder):
                found = await find() if find is not None else None
                made = found if found is not None else await make()
        except (PermanentError, RateLimitError):
            await self._release(key, holder)
            raise
        return await self._record(key, made)

    async def _record(self, key: str, outcome: Outcome) -> Outcome:
        """Of two outcomes the first counts."""
        done = {"state": "done", "outcome": outcome, "finished": iso(utc_now())}
        stored = await self._documents.update(EFFECTS, {"_id": key, "state": "begun"}, set=done)
        return outcome if stored is not None else await self.outcome(key) or outcome

    async def _release(self, key: str, holder: str) -> None:
        await self._documents.update(
            EFFECTS, {"_id": key, "state": "begun", "holder": holder}, set={"lease_until": iso(utc_now())}
        )

    @asynccontextmanager
    async def _renewed(self, key: str, holder: str) -> AsyncGenerator[None]:
        """A call that takes longer than the lease keeps it."""
        renewal = asyncio.create_task(self._renew(key, holder), name=f"renew {key}")
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal

    async def _renew(self, key: str, holder: str) -> None:
        where = {"_id": key, "state": "begun", "holder": holder}
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 4)
            until = {"lease_until": iso(utc_now() + self._lease)}
            try:
                if await self._documents.update(EFFECTS, where, set=until) is None:
                    return
            except MillraceError as error:
                _logger.warning("the lease of effect %s was not renewed: %s", key, error)


def _outcome_of(record: Document | None) -> Outcome | None:
    return record["outcome"] if record is not None and record["state"] == "done" else None
