"""Brings the document store to the version that this Millrace works with, and back to an earlier one.

The version is recorded in the store. One process at a time changes it, under a lock with a lease that ends with it; a
step that was interrupted is begun anew, so every step may be repeated. Old and new processes work side by side while
a new version is rolled out: a step adds what the new one needs and leaves what the old one reads, which only a later
version may take away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from spine.contracts.timestamps import iso, utc_now
from spine.documents import MIGRATIONS
from spine.errors import ConflictError, DuplicateError, InvalidInputError, NotConfiguredError, RetryableError
from spine.idempotency import new_id
from spine.ports import Documents

Change = Callable[[Documents], Awaitable[None]]

LEASE: Final = timedelta(seconds=30)
"""How long a process that migrates is believed alive after it last said so."""

PATIENCE: Final = 120.0
"""Seconds that a process waits for another one to end its migration."""

_LOCK: Final = "lock"
_VERSION: Final = "version"
_FREE: Final = "0"  # sorts before every moment


@dataclass(frozen=True, slots=True)
class Step:
    """What leads from version `number - 1` to `number`, and back. Both directions may be repeated."""

    number: int
    name: str
    forward: Change
    back: Change


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken; `direction` is forward or back."""

    number: int
    name: str
    direction: str


async def version_of(documents: Documents) -> int:
    """The store's version; 0 for one that was never migrated."""
    found = await documents.get(MIGRATIONS, _VERSION)
    return int(found["number"]) if found else 0


async def migrate(
    documents: Documents,
    steps: Sequence[Step],
    to: int | None = None,
    *,
    patience: float = PATIENCE,
    lease: timedelta = LEASE,
) -> list[Taken]:
    """Take the steps to version `to`, the newest without it; what was done, nothing when the store is there already.

    Raises `InvalidInputError` for a version that there is not, `NotConfiguredError` for a store that a newer Millrace
    wrote, `ConflictError` when another process goes on migrating for longer than `patience` seconds.
    """
    wanted = len(steps) if to is None else to
    if not 0 <= wanted <= len(steps):
        raise InvalidInputError(f"There is no version {wanted} of the store: this Millrace knows 0 to {len(steps)}.")
    if await version_of(documents) == wanted:
        return []
    async with _locked(documents, patience, lease):
        return [await _take(documents, step, wanted) for step in _way(await version_of(documents), wanted, steps)]


def _way(version: int, wanted: int, steps: Sequence[Step]) -> Sequence[Step]:
    """The steps between two versions in the order in which they are taken."""
    if version > len(steps):
        raise NotConfiguredError(
            f"The documents were written by a newer Millrace (version {version}; this one knows {len(steps)}): use "
            f"that version, or have it run `millrace migrate --to {len(steps)}` first.",
            what="documents",
        )
    return steps[version:wanted] if version <= wanted else steps[wanted:version][::-1]


async def _take(documents: Documents, step: Step, wanted: int) -> Taken:
    forward = step.number <= wanted
    await (step.forward if forward else step.back)(documents)
    taken = Taken(step.number, step.name, "forward" if forward else "back")
    at = iso(utc_now())
    reached = step.number if forward else step.number - 1
    await documents.upsert(MIGRATIONS, {"_id": _VERSION, "number": reached, "at": at})
    history = {"_id": new_id("step"), "number": taken.number, "name": taken.name, "direction": taken.direction}
    await documents.insert(MIGRATIONS, {**history, "at": at})
    return taken


@asynccontextmanager
async def _locked(documents: Documents, patience: float, lease: timedelta) -> AsyncGenerator[None]:
    holder = new_id("migration")
    with suppress(DuplicateError):
        await documents.insert(MIGRATIONS, {"_id": _LOCK, "holder": None, "until": _FREE})
    await _acquire(documents, holder, patience, lease)
    renewing = asyncio.create_task(_renew(documents, holder, lease))
    try:
        yield
    finally:
        renewing.cancel()
        await documents.update(MIGRATIONS, {"_id": _LOCK, "holder": holder}, set={"holder": None, "until": _FREE})


async def _acquire(documents: Documents, holder: str, patience: float, lease: timedelta) -> None:
    deadline = time.monotonic() + patience
    while True:
        now = utc_now()
        where = {"_id": _LOCK, "until": {"$lt": iso(now)}}
        if await documents.update(MIGRATIONS, where, set={"holder": holder, "until": iso(now + lease)}):
            return
        if time.monotonic() > deadline:
            raise ConflictError("Another process is migrating the documents: wait until it has ended, then try again.")
        await asyncio.sleep(0.1)


async def _renew(documents: Documents, holder: str, lease: timedelta) -> None:
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        with suppress(RetryableError):  # the next round may reach the store
            until = iso(utc_now() + lease)
            await documents.update(MIGRATIONS, {"_id": _LOCK, "holder": holder}, set={"until": until})
