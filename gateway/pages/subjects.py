"""Where the dashboard shows what a job is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.pages.views import segment
from spine.cards import CARD_EXECUTION
from spine.contracts.conversations import CONVERSATION, TaskName
from spine.contracts.jobs import Job
from spine.forgetting import REMOVED
from spine.graphs import MODULE_GRAPH
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION
from spine.submissions import BOOK_REVIEW, PUBLISH_ARTICLE

PAGES: Final[Mapping[str, str]] = {
    BOOK_REVIEW: "/review/{}",
    PUBLISH_ARTICLE: "/review/{}",
    PERSONA_INGESTION: "/persona/{}",
    INGEST_COLLECTION: "/persona/{}",
    CONVERSATION: "/conversation/{}",
    CARD_EXECUTION: "/card/{}",
}
"""Pipeline → address of its subject's page."""

_WITHOUT_SESSION: Final = {TaskName.HANDLE_WEBHOOK, TaskName.PING, TaskName.WORKER_HEALTH_CHECK}
"""Tasks of the pipeline `conversation` that belong to no conversation."""


def subject_page(job: Job) -> str | None:
    """The page of the job's subject; None for pipelines whose subjects have none."""
    if job.params.get("task") in _WITHOUT_SESSION or REMOVED in job.params:
        return None
    if job.pipeline == MODULE_GRAPH:
        return f"/graph/{segment(str(job.params.get('graph', '')))}?job={segment(job.job_id)}"
    pattern = PAGES.get(job.pipeline)
    return pattern.format(segment(job.subject_id)) if pattern else None
