"""What a review shows in the Prefect UI: progress, the article, tables of facts and links, stages that were not run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import task
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
from tasks.retrying import JSON

_logger = logging.getLogger("millrace.artifacts")

PATIENCE = 3.0
"""Seconds that a finished review's flow run waits for its artifacts: they are for the eyes."""

_PAUSE = 0.5
"""Seconds between two deliveries. Sent at once they would take the processor from the beginning of the next stage; by
then it waits for its model, or, in a rerun, has ended and been overtaken by another."""


@task(name="restore stage", task_run_name="{stage}: finished before", result_serializer=JSON)
async def restore_stage(stage: str) -> None:
    """Shows in Prefect that the stage's tasks were not called."""


@dataclass
class ReviewArtifacts:
    """The artifacts of one submission; a rerun adds new versions under the same keys.

    They go out one after the other beside the review, which never waits for them: a round trip to the server for each
    would make a review a quarter of a second longer. `settle` waits for the last of them before the flow run ends.
    """

    submission_id: str
    _progress: UUID | None = None
    _percent: float | None = None  # not sent yet
    _waiting: list[tuple[str, Callable[[], Awaitable[Any]]]] = field(
        default_factory=list[tuple[str, "Callable[[], Awaitable[Any]]"]]
    )
    _delivery: asyncio.Task[None] | None = None
    _settling: asyncio.Event = field(default_factory=asyncio.Event)

    def progress(self, percent: float) -> None:
        """Of several that wait to be sent, only the newest is."""
        waiting, self._percent = self._percent is not None, percent
        if not waiting:
            self._send("progress", self._send_progress)

    def name_run(self, title: str) -> None:
        """Give the flow run the book's name, once it is known."""
        if run_id := flow_run.get_id():
            self._send("name", lambda: _rename(UUID(run_id), f"review: {title}"[:200]))

    def facts(self, book: ConsolidatedBook) -> None:
        self._send("facts", lambda: acreate_table_artifact(fact_rows(book), key=self._key("facts")))

    def links(self, pages: list[LinkPage]) -> None:
        if pages:
            self._send("links", lambda: acreate_table_artifact(link_rows(pages), key=self._key("links")))

    def article(self, article: Article) -> None:
        self._send("article", lambda: acreate_markdown_artifact(article_markdown(article), key=self._key("article")))

    def restored(self, stage: str) -> None:
        """The stage's result was there as a whole."""
        self._send("restored stage", lambda: restore_stage(stage))

    async def settle(self) -> None:
        """Return when everything is sent, or was not within `PATIENCE`."""
        self._settling.set()
        if self._delivery is None:
            return
        done, _ = await asyncio.wait([self._delivery], timeout=PATIENCE)
        if not done:
            self._delivery.cancel()
            _logger.warning("the last artifacts of %s were not stored in time", self.submission_id)

    def _send(self, what: str, make: Callable[[], Awaitable[Any]]) -> None:
        self._waiting.append((what, make))
        if self._delivery is None or self._delivery.done():
            self._delivery = asyncio.create_task(self._deliver(), name=f"artifacts of {self.submission_id}")

    async def _deliver(self) -> None:
        """Send what waits, in its order, until nothing does."""
        while self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settling.wait(), _PAUSE)
            waiting, self._waiting = self._waiting, []
            for what, make in waiting:
                await _store(what, make)

    async def _send_progress(self) -> None:
        percent, self._percent = self._percent or 0.0, None
        if self._progress is None:
            made = acreate_progress_artifact(percent, key=self._key("progress"), description="whole review")
            self._progress = await made
        else:
            await aupdate_progress_artifact(self._progress, percent)

    def _key(self, kind: str) -> str:
        return f"{kind}-{self.submission_id}".replace("_", "-").lower()


async def _store(what: str, make: Callable[[], Awaitable[Any]]) -> None:
    """A server that does not take an artifact must not end the review."""
    try:
        await make()
    except Exception as error:
        _logger.warning("the %s artifact was not stored: %s", what, type(error).__name__)


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
