"""Lists of submissions, as the API and the pages show them."""

from __future__ import annotations

from gateway.listing import NEWEST_FIRST, given, search_page
from spine.contracts.submissions import SubmissionStatus
from spine.documents import SUBMISSIONS, Page, page_of
from spine.ports import Document, Documents


async def submissions_page(
    documents: Documents, *, status: SubmissionStatus | None, q: str | None, limit: int, cursor: str | None
) -> Page:
    """Newest first. `q` is looked for in id, title and product address, whatever its case."""
    where = given(status=str(status) if status else None)
    wanted = (q or "").strip().casefold()
    if not wanted:
        return await page_of(documents, SUBMISSIONS, where, sort=NEWEST_FIRST, limit=limit, cursor=cursor)

    def matches(document: Document) -> bool:
        places = (document["_id"], document.get("title"), document["request"]["amazon_url"])
        return any(wanted in (place or "").casefold() for place in places)

    return await search_page(documents, SUBMISSIONS, where, matches, limit=limit, cursor=cursor)
