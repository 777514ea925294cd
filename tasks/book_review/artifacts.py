"""What a review shows in the Prefect UI: progress, the article, a table of facts, a table of links."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import Article, LinkPage

_logger = logging.getLogger("millrace.artifacts")


async def _shown(what: str, call: Awaitable[Any]) -> Any:
    """Artifacts are for the eyes: a server that does not take one must not end the review."""
    try:
        return await call
    except Exception as error:
        _logger.warning("the %s artifact was not stored: %s", what, type(error).__name__)
        return None


@dataclass
class ReviewArtifacts:
    """The artifacts of one submission; a rerun adds new versions under the same keys."""

    submission_id: str
    _progress: UUID | None = None

    async def progress(self, percent: float) -> None:
        if self._progress is None:
            self._progress = await _shown(
                "progress", acreate_progress_artifact(percent, key=self._key("progress"), description="whole review")
            )
        else:
            await _shown("progress", aupdate_progress_artifact(self._progress, percent))

    async def name_run(self, title: str) -> None:
        """Give the flow run the book's name, once it is known."""
        if run_id := flow_run.get_id():
            await _shown("name", _rename(UUID(run_id), f"review: {title}"[:200]))

    async def facts(self, book: ConsolidatedBook) -> None:
        await _shown("facts", acreate_table_artifact(fact_rows(book), key=self._key("facts")))

    async def links(self, pages: list[LinkPage]) -> None:
        if pages:
            await _shown("links", acreate_table_artifact(link_rows(pages), key=self._key("links")))

    async def article(self, article: Article) -> None:
        await _shown("article", acreate_markdown_artifact(article_markdown(article), key=self._key("article")))

    def _key(self, kind: str) -> str:
        return f"{kind}-{self.submission_id}".replace("_", "-").lower()


async def _rename(run_id: UUID, name: str) -> None:
    async with get_client() as client:
        await client.update_flow_run(run_id, name=name)


def fact_rows(book: ConsolidatedBook) -> list[dict[str, Any]]:
    """One row per known field: value, source, why it won, what others say."""
    rows: list[dict[str, Any]] = []
    for name, value in book.metadata.model_dump(mode="json", exclude_none=True).items():
        origin = book.provenance.get(name)
        rows.append(
            {
                "field": name,
                "value": _short(value),
                "source": origin.source if origin else "",
                "why": origin.reason if origin else "",
                "others say": "; ".join(f"{c.source}: {_short(c.value)}" for c in origin.conflicts) if origin else "",
            }
        )
    return rows


def link_rows(pages: list[LinkPage]) -> list[dict[str, Any]]:
    return [
        {
            "link": page.url,
            "title": page.title or "",
            "words": len(page.text.split()),
            "fetched by": page.fetched_by or "",
            "problem": page.error or "",
        }
        for page in pages
    ]


def article_markdown(article: Article) -> str:
    doubts = [f"- “{claim.text}” ({claim.kind}): {claim.sentence}" for claim in article.claims if not claim.supported]
    tail = "\n\n---\n**Claims without support in the sources**\n\n" + "\n".join(doubts) if doubts else ""
    return f"# {article.title}\n\n{article.content}{tail}"


def _short(value: object, limit: int = 300) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
