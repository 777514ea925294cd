"""The versions of the document store, in order. Append, never edit: step N leads to version N."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from spine.contracts.timestamps import iso, utc_now
from spine.documents import MIGRATIONS
from spine.errors import DuplicateError
from spine.idempotency import new_id
from spine.migrations import Step
from spine.ports import Documents

_NAME: Final = "store"


async def store_name(documents: Documents) -> str | None:
    """The name that the store was given once; None before version 1.

    A copy has the name of its original: of two stacks with one name, only one may run.
    """
    found = await documents.get(MIGRATIONS, _NAME)
    return str(found["name"]) if found else None


async def _name_the_store(documents: Documents) -> None:
    with suppress(DuplicateError):  # it has one already
        await documents.insert(MIGRATIONS, {"_id": _NAME, "name": new_id("store"), "made": iso(utc_now())})


async def _forget_the_name(documents: Documents) -> None:
    await documents.delete(MIGRATIONS, {"_id": _NAME})


STEPS: Final = (Step(1, "the store has a name", _name_the_store, _forget_the_name),)
