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
from datetime import datetime, timedelta
from typing import Literal

from spine.contracts.timestamps import iso, utc_now
from spine.documents import EFFECTS
from spine.errors import DuplicateError, ExternalServiceError, MillraceError, PermanentError, RateLimitError
from spine.idempotency import new_id
from spine.ports import Document, Documents, Where
from spine.turns import turn

_logger = logging.getLogger("millrace.effects")

Outcome = dict[str, str | int | None]
"""What an outside call made, as far as it is needed to find it again: `{"post_id": 17}`. Flat."""

Make = Callable[[], Awaitable[Outcome]]
Find = Callable[[], Awaitable[Outcome | None]]

_Claim = Literal["ours", "again", "taken"]
_Fate = Literal["done", "released", "ambiguous"]

_TO_ITS_END = 3.0
"""Seconds that a call which may not be repeated gets to end after its caller was cancelled."""


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

    async def at_most_once(self, key: str, make: Make, *, in_turn: str = "") -> Outcome | None:
        """The effect's outcome, recorded earlier or made now; None when nobody knows whether it was made.

        For what can be neither found outside nor repeated, such as a message to a person. None is final: the record
        stays `ambiguous`, is listed by `ambiguous_effects`, and the call is never made again.

        Args:
            key: As for `once`.
            make: Does the call. When it raises `PermanentError`, `RateLimitError` or an `ExternalServiceError` with
                `delivered=False`, nothing was done: the error comes through and the next caller may try. After other
                errors of Millrace the effect is ambiguous; unforeseen ones come through as well. A call whose caller
                is cancelled still gets a few seconds to end, so that its outcome is known.
            in_turn: Calls of this name go one at a time in this process, so that its death leaves at most one of
                them ambiguous.
        """
        while True:
            holder = new_id("call")
            async with turn(in_turn):
                record = await self._claim_single(key, holder)
                if record is not None and (record["state"], record["holder"]) == ("begun", holder):
                    return await self._make_single(key, holder, make)
            if record is not None and record["state"] in ("done", "ambiguous"):
                return _outcome_of(record)
            await asyncio.sleep(self._poll_seconds)

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
        for free in self._free(key, now):
            if await self._documents.update(EFFECTS, free, set=held, inc={"attempts": 1}) is not None:
                return "again"
        return "taken"

    def _free(self, key: str, now: datetime) -> tuple[Where, Where]:
        """A lease that is over, or one so far ahead that only a clock wrote it that has been put back since."""
        begun, latest = {"_id": key, "state": "begun"}, iso(now + 2 * self._lease)
        return {**begun, "lease_until": {"$lte": iso(now)}}, {**begun, "lease_until": {"$gt": latest}}

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

    async def _claim_single(self, key: str, holder: str) -> Document | None:
        """The record as it is now: begun by us, by somebody who is alive, done, or ambiguous since its maker died."""
        now = utc_now()
        held = {"state": "begun", "holder": holder, "lease_until": iso(now + self._lease)}
        record = {"_id": key, "key": key, "job_id": self._job_id, "attempts": 1, "begun": iso(now), "single": True}
        with suppress(DuplicateError):
            await self._documents.insert(EFFECTS, {**record, **held})
            return {**record, **held}
        released = {"_id": key, "state": "released"}
        if (ours := await self._documents.update(EFFECTS, released, set=held, inc={"attempts": 1})) is not None:
            return ours
        doubt = _ambiguous("the process that made the call stopped before it could say what came of it")
        for lost in self._free(key, now):
            if (ended := await self._documents.update(EFFECTS, lost, set=doubt)) is not None:
                _logger.warning("effect %s is ambiguous: %s", key, ended["reason"])
                return ended
        return await self._documents.get(EFFECTS, key)

    async def _make_single(self, key: str, holder: str, make: Make) -> Outcome | None:
        call = asyncio.ensure_future(make())
        async with self._renewed(key, holder):
            try:
                await asyncio.wait([call])
            except asyncio.CancelledError:
                await asyncio.wait([call], timeout=_TO_ITS_END)
                with suppress(Exception):
                    await self._settle(key, holder, call)
                raise
            return await self._settle(key, holder, call)

    async def _settle(self, key: str, holder: str, call: asyncio.Future[Outcome]) -> Outcome | None:
        """Record what came of the call. It is ours even when somebody took us for dead meanwhile."""
        if not call.done():
            call.cancel()
        error = _error_of(call)
        fate = _fate(error)
        change = {
            "done": lambda: {"state": "done", "outcome": call.result(), "finished": iso(utc_now())},
            "released": lambda: {"state": "released", "reason": str(error)},
            "ambiguous": lambda: _ambiguous(str(error) or type(error).__name__),
        }[fate]()
        mine = {"_id": key, "holder": holder, "state": {"$in": ["begun", "ambiguous"]}}
        await self._documents.update(EFFECTS, mine, set=change)
        if fate == "ambiguous":
            _logger.warning("effect %s is ambiguous: %s", key, change["reason"])
        if error is not None and (fate == "released" or not isinstance(error, MillraceError)):
            raise error
        return call.result() if fate == "done" else None

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


async def ambiguous_effects(documents: Documents, *, limit: int = 100) -> list[Document]:
    """Records of effects of which nobody knows whether they were made, newest first: `key, job_id, begun, reason`."""
    found = [
        record
        for where in _in_doubt()
        for record in await documents.find(EFFECTS, where, sort=[("begun", -1)], limit=limit)
    ]
    return sorted(found, key=lambda record: record["begun"], reverse=True)[:limit]


async def count_ambiguous(documents: Documents) -> int:
    return sum([await documents.count(EFFECTS, where) for where in _in_doubt()])


def _in_doubt() -> tuple[Where, Where]:
    """Those that were found to be ambiguous, and those whose maker died and that nobody has asked for since."""
    return {"state": "ambiguous"}, {"state": "begun", "single": True, "lease_until": {"$lte": iso(utc_now())}}


def _ambiguous(reason: str) -> dict[str, str]:
    return {"state": "ambiguous", "reason": reason, "finished": iso(utc_now())}


def _error_of(call: asyncio.Future[Outcome]) -> BaseException | None:
    if not call.done() or call.cancelled():
        return asyncio.CancelledError("the call was cut off")
    return call.exception()


def _fate(error: BaseException | None) -> _Fate:
    """What is known about a call that ended like this."""
    if error is None:
        return "done"
    if isinstance(error, ExternalServiceError):
        return "released" if error.delivered is False else "ambiguous"
    return "released" if isinstance(error, (PermanentError, RateLimitError)) else "ambiguous"


def _outcome_of(record: Document | None) -> Outcome | None:
    return record["outcome"] if record is not None and record["state"] == "done" else None
