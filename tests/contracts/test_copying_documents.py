"""Documents go from one store to another and come back as they were, whichever store it is."""

from __future__ import annotations

import pytest

from deployments.backup.documents_copy import copy_documents, every, require_empty
from spine.documents import EFFECTS, INDEXES, JOBS
from spine.errors import ConflictError
from spine.migration_steps import STEPS, store_name
from spine.migrations import migrate, version_of
from spine.ports import Documents
from spine.testing.memory_documents import MemoryDocuments

JOB = {"params": {"a": [1, 2.5, None, {"b": "ş"}]}, "lease_until": None, "attempts": 2**40, "done": False}


async def test_there_and_back_again(store: Documents) -> None:
    source, back = MemoryDocuments(), MemoryDocuments()
    for number in range(501):  # one more than a page
        await source.insert(JOBS, {"_id": f"job_{number:03d}", "idempotency_key": f"key {number}", **JOB})
    await source.insert(EFFECTS, {"_id": "effect", "key": "telegram:1"})
    await migrate(source, STEPS)
    await require_empty(store)

    copied = await copy_documents(source, store)
    assert copied == await copy_documents(store, back)

    for collection in INDEXES:
        assert await back.find(collection) == await source.find(collection)
    assert [one["_id"] async for one in every(store, JOBS)] == [f"job_{number:03d}" for number in range(501)]
    with pytest.raises(ConflictError, match="name an empty database"):
        await require_empty(store)


async def test_the_version_is_kept_in_every_store(store: Documents) -> None:
    await migrate(store, STEPS)
    assert (await version_of(store), bool(await store_name(store))) == (len(STEPS), True)
    assert await migrate(store, STEPS) == []
    await migrate(store, STEPS, 0)
    assert (await version_of(store), await store_name(store)) == (0, None)
