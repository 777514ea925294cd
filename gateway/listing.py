"""Lists as the gateway gives them: a page, how many there are in all, and where the next page begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from spine.document_cursors import cursor_after
from spine.documents import MAX_PAGE, Page, page_of
from spine.ports import Document, Documents, Sort, Where

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="items on one page")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before")]
NEWEST_FIRST: Sort = [("created", -1)]


class Listing(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int = Field(description="how many match, on all pages together")
    next: str | None = Field(default=None, description="give it as `cursor` to get the next page; null on the last one")


def listing(page: Page, read: Callable[[Document], T]) -> Listing[T]:
    return Listing[T](items=[read(document) for document in page.items], total=page.total, next=page.next)


async def search_page(
    documents: Documents,
    collection: str,
    where: Where,
    matches: Callable[[Document], bool],
    *,
    limit: int,
    cursor: str | None,
) -> Page:
    """Like `page_of`, for a condition that no store knows. Reads the whole list to count it: for lists of people's
    size (about 10,000), not for logs."""
    total = 0
    async for document in _scan(documents, collection, where, None):
        total += matches(document)
    found: list[Document] = []
    async for document in _scan(documents, collection, where, cursor):
        if matches(document):
            found.append(document)
        if len(found) > limit:
            break
    items = found[:limit]
    more = cursor_after(collection, NEWEST_FIRST, items[-1]) if len(found) > limit else None
    return Page(items=items, total=total, next=more)


async def _scan(documents: Documents, collection: str, where: Where, cursor: str | None) -> AsyncIterator[Document]:
    while True:
        page = await page_of(documents, collection, where, sort=NEWEST_FIRST, limit=MAX_PAGE, cursor=cursor)
        for document in page.items:
            yield document
        if (cursor := page.next) is None:
            return


def given(**conditions: Any) -> dict[str, Any]:
    """The conditions that a caller did give."""
    return {name: value for name, value in conditions.items() if value is not None}
