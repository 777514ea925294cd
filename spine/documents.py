"""The collections, their indexes, and pages of documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spine.document_cursors import cursor_after, read_cursor, wheres_after
from spine.errors import InvalidInputError
from spine.ports import Document, Documents, Sort, Where

JOBS: Final = "jobs"
SUBMISSIONS: Final = "submissions"
BOOKS: Final = "books"
LINK_BIBLIOGRAPHIC_CANDIDATES: Final = "link_bibliographic_candidates"
SUMMARIES: Final = "summaries"
KNOWLEDGE_BASE: Final = "knowledge_base"
ARTICLES: Final = "articles"
PIPELINE_CONFIGS: Final = "pipeline_configs"
PIPELINE_REVISIONS: Final = "pipeline_revisions"
PROMPTS: Final = "prompts"
PERSONAS: Final = "personas"
CONVERSATIONS: Final = "conversations"
MESSAGES: Final = "messages"
FOLLOWUPS: Final = "followups"
ORDERS: Final = "orders"
CARDS: Final = "cards"
CARD_RUNS: Final = "card_runs"
CARD_POLICIES: Final = "card_policies"
GRAPH_JOBS: Final = "graph_jobs"
EFFECTS: Final = "effects"
BATCHES: Final = "batches"
USAGE: Final = "usage"
SESSION_LEASES: Final = "session_leases"
ARRIVALS: Final = "arrivals"
TOKENS: Final = "tokens"
STEP_TIMES: Final = "step_times"
MIGRATIONS: Final = "migrations"


@dataclass(frozen=True, slots=True)
class Index:
    """Paths that are looked up together. Unique ignores documents that lack the first path."""

    paths: tuple[str, ...]
    unique: bool = False


INDEXES: Final[Mapping[str, tuple[Index, ...]]] = {
    JOBS: (
        Index(("idempotency_key",), unique=True),
        Index(("status", "queue")),
        Index(("status", "finished")),
        Index(("pipeline", "created")),
        Index(("subject_id", "created")),
        Index(("subject_id", "status")),
        Index(("created",)),
        Index(("lease_until",)),
        Index(("parent_job_id",)),
        Index(("queue", "finished")),
    ),
    SUBMISSIONS: (Index(("status", "created")), Index(("created",))),
    BOOKS: (Index(("submission_id",)),),
    LINK_BIBLIOGRAPHIC_CANDIDATES: (Index(("submission_id",)),),
    SUMMARIES: (Index(("submission_id",)),),
    KNOWLEDGE_BASE: (Index(("submission_id",)),),
    ARTICLES: (Index(("submission_id", "revision"), unique=True), Index(("status", "created"))),
    PIPELINE_CONFIGS: (),  # found by slug, which is the `_id`
    PIPELINE_REVISIONS: (Index(("slug", "revision"), unique=True),),
    # `activation` first: versions that were never in use have none.
    PROMPTS: (
        Index(("purpose", "version"), unique=True),
        Index(("activation", "purpose"), unique=True),
        Index(("prompt_id", "version")),
    ),
    PERSONAS: (Index(("created",)),),
    CONVERSATIONS: (Index(("persona_id", "updated")), Index(("updated",)), Index(("user_id", "updated"))),
    MESSAGES: (Index(("session_id", "seq"), unique=True), Index(("session_id", "created"))),
    FOLLOWUPS: (Index(("status", "due")), Index(("session_id",))),
    ORDERS: (Index(("session_id", "created")), Index(("status",))),
    CARDS: (Index(("status", "squad")), Index(("squad",)), Index(("priority", "created"))),
    CARD_RUNS: (Index(("card_id",)), Index(("agent", "created"))),
    CARD_POLICIES: (),
    GRAPH_JOBS: (Index(("graph_name", "created")), Index(("input.username", "created"))),
    EFFECTS: (Index(("key",), unique=True), Index(("job_id",)), Index(("state", "begun"))),
    SESSION_LEASES: (Index(("holder",)),),
    BATCHES: (Index(("created",)),),
    ARRIVALS: (),
    TOKENS: (Index(("created",)),),
    STEP_TIMES: (),  # found by pipeline, which is the `_id`
    MIGRATIONS: (),  # the version of the store, its lock, its name and its history
    USAGE: (Index(("key",), unique=True), Index(("day",)), Index(("submission_id",)), Index(("at",))),
}
"""The indexes of every collection, besides the one on `_id`."""

TALLIES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    JOBS: (("pipeline", "status"),),
    SUBMISSIONS: (("status",),),
}
"""What is counted by in collections that grow without end: pages name their total, the metrics every status."""

MAX_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list, in the shape that every list of the gateway has."""

    items: list[Document]
    total: int
    """How many documents match, on all pages together."""
    next: str | None
    """The cursor of the page after this one, fit for a URL; None on the last page."""


async def ensure_indexes(documents: Documents) -> None:
    """Create the indexes and tallies that the store lacks. Cheap when it has them; safe in many processes at once."""
    await asyncio.gather(
        *(
            documents.ensure_index(collection, index.paths, unique=index.unique)
            for collection, indexes in INDEXES.items()
            for index in indexes
        ),
        *(documents.ensure_tally(collection, paths) for collection, tallies in TALLIES.items() for paths in tallies),
    )


async def page_of(
    documents: Documents,
    collection: str,
    where: Where | None = None,
    *,
    sort: Sort | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """The page of at most `limit` (1 to 500) documents after `cursor`, the first one without it.

    Documents that come or go between two pages neither repeat nor hide others. A sort path holds values of one type,
    or nothing. Raises InvalidInputError for a limit out of range and for a cursor of another list.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInputError(f"limit must be between 1 and {MAX_PAGE}; it is {limit}")
    wheres = [where] if cursor is None else wheres_after(where, sort, read_cursor(collection, sort, cursor))
    found: list[Document] = []
    for part in wheres:
        if len(found) <= limit:  # one more than the page holds shows that there is a next one
            found += await documents.find(collection, part, sort=sort, limit=limit + 1 - len(found))
    items = found[:limit]
    more = len(found) > limit
    return Page(
        items=items,
        total=await documents.count(collection, where),
        next=cursor_after(collection, sort, items[-1]) if more else None,
    )
