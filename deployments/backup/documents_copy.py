"""Copies documents from one store to another, so that a backup holds one file whichever store a stack uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from spine.documents import INDEXES, ensure_indexes
from spine.errors import ConflictError
from spine.ports import Document, Documents

_PAGE: Final = 500


async def copy_documents(source: Documents, target: Documents) -> int:
    """Copy every collection; how many documents. Those of the target with the same `_id` are replaced."""
    await ensure_indexes(target)
    copied = 0
    for collection in INDEXES:
        async for document in every(source, collection):
            await target.upsert(collection, document)
            copied += 1
    return copied


async def every(documents: Documents, collection: str) -> AsyncIterator[Document]:
    """All documents of the collection by `_id`, page by page; one that is written meanwhile may come as it was."""
    after: str | None = None
    while True:
        where = None if after is None else {"_id": {"$gt": after}}
        page = await documents.find(collection, where, sort=[("_id", 1)], limit=_PAGE)
        for document in page:
            yield document
        if len(page) < _PAGE:
            return
        after = str(page[-1]["_id"])


async def require_empty(documents: Documents) -> None:
    """`ConflictError` when the store holds anything: two stacks' documents must not be mixed."""
    for collection in INDEXES:
        if found := await documents.count(collection):
            raise ConflictError(
                f"The document store that MILLRACE_MONGO_URL names has {found} documents in {collection}: "
                "name an empty database."
            )
