"""One link's part in a review: its page, what that says of the book, and its summary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager

from spine.contracts.books import BookMetadata
from spine.contracts.texts import BibliographicCandidate, LinkPage, LinkSummary
from spine.errors import MillraceError
from tasks.book_review import steps
from tasks.book_review.review import Stage
from tasks.book_review.stage_answers import asking, learned
from tasks.task_inputs import whole_value

PagesAhead = Mapping[str, Awaitable[LinkPage]]
"""Link → its page, in the making. What kept it from being read is raised to whoever awaits it."""


@asynccontextmanager
async def pages_ahead(stage: Stage, links: Iterable[str]) -> AsyncGenerator[PagesAhead]:
    """The pages of the links, read from now on, before their stage begins. Nothing is read beyond the block."""
    reading = {link: asyncio.create_task(_page_of(stage, link)) for link in links}
    try:
        yield reading
    finally:
        for page in reading.values():
            page.cancel()
        await asyncio.gather(*reading.values(), return_exceptions=True)


async def visit_link(stage: Stage, link: str, book: BookMetadata, ahead: PagesAhead) -> LinkPage:
    """A link that cannot be read is noted and left out; a review does not fail for it."""
    try:
        page = await (ahead[link] if link in ahead else _page_of(stage, link))
    except MillraceError as error:
        await stage.run.log(f"{link} was left out: {error}", "warning")
        return LinkPage(url=link, error=str(error))
    if not page.text:
        return page
    answer = await steps.extract_bibliography(
        stage.key(page=page.model_dump(), book=book.model_dump()),
        whole_value(page),
        whole_value(book),
        whole_value(asking(stage)),
    )
    return page.model_copy(update={"bibliography": learned(stage, answer, BibliographicCandidate)})


async def _page_of(stage: Stage, link: str) -> LinkPage:
    return await steps.read_link_page(stage.key(link=link), link, stage.delay_seconds)


async def summarize_page(stage: Stage, page: LinkPage, book: BookMetadata, language: str) -> LinkSummary:
    key = stage.key(page=page.model_dump(), book=book.model_dump(), language=language)
    answer = await steps.summarize_link(key, whole_value(page), whole_value(book), language, whole_value(asking(stage)))
    return learned(stage, answer, LinkSummary)
