"""Telling of a job that was cancelled while it waited: nobody runs it, so nobody else says so."""

from __future__ import annotations

from gateway.context import GatewayContext
from spine.cards import CARD_EXECUTION, CardDesk
from spine.contracts.jobs import Job
from spine.contracts.submissions import StepError
from spine.errors import JobCancelledError
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION, PersonaDesk
from spine.progress import announce_state
from spine.submissions import BOOK_REVIEW


async def tell_of_cancel(context: GatewayContext, job: Job) -> None:
    """Let its watchers and its subject know."""
    error = JobCancelledError("The job was cancelled before it began.")
    await announce_state(context.progress, job, error.message)
    if job.pipeline == BOOK_REVIEW:
        entry = StepError(step="", message=error.message, error_class=type(error).__name__, error_code=error.error_code)
        await context.desk.record_failure(job.subject_id, entry)
    elif job.pipeline == CARD_EXECUTION:
        await CardDesk(context.documents, context.ledger).job_ended_outside(job, error.message)
    elif job.pipeline in (PERSONA_INGESTION, INGEST_COLLECTION):
        await PersonaDesk(context.documents, context.ledger).job_ended_outside(job, error.message)
