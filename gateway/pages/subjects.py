"""Where the dashboard shows what a job is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from spine.contracts.jobs import Job
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION
from spine.submissions import BOOK_REVIEW, PUBLISH_ARTICLE

PAGES: Final[Mapping[str, str]] = {
    BOOK_REVIEW: "/review/{}",
    PUBLISH_ARTICLE: "/review/{}",
    PERSONA_INGESTION: "/persona/{}",
    INGEST_COLLECTION: "/persona/{}",
}
"""Pipeline → address of its subject's page."""


def subject_page(job: Job) -> str | None:
    """The page of the job's subject; None for pipelines whose subjects have none."""
    pattern = PAGES.get(job.pipeline)
    return pattern.format(quote(job.subject_id, safe="")) if pattern else None
