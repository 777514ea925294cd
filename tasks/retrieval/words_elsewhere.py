"""Brings the words of this home level with passages that were ingested in another one.

Passages are in a server and their words in a file of each home. Where an ingestion writes, the index is never behind
its collection; so an index that is behind belongs to a home that the ingestion did not run in, and is made again from
what the server holds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tasks.retrieval.indexed_collection import IndexedCollection, Mended

LOOK_EVERY: Final = 30.0
"""Seconds between two looks at a collection, which cost a count on each side."""


async def catch_up(collection: IndexedCollection, looked_at: dict[str, float]) -> Mended | None:
    """Mend the index if it is behind; None when it is not, or was looked at lately.

    `looked_at` remembers by collection when that was, in seconds of the monotonic clock; the caller keeps it for as
    long as the stores are open. What was only removed or replaced elsewhere is noticed with the next passage that is
    new: until then a search finds it by its meaning alone, and passes over what is gone.
    """
    name, now = collection.vectors.name, time.monotonic()
    if now - looked_at.get(name, -LOOK_EVERY) < LOOK_EVERY:
        return None
    looked_at[name] = now  # at once: searches that come meanwhile do not wait for the same
    stored, indexed = await asyncio.gather(collection.vectors.count(), collection.keywords.count(name))
    return await collection.mend() if indexed < stored else None
