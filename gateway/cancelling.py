"""Telling of a job that was cancelled while it waited: nobody runs it, so nobody else says so."""

from __future__ import annotations

from gateway.context import GatewayContext
from spine.cards import CARD_EXECUTION, CardDesk
from spine.contracts.jobs import Job
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION, PersonaDesk
from spine.progress import announce_state
from spine.submissions import BOOK_REVIEW

_MESSAGE = "The job was cancelled before it began."


async def tell_of_cancel(context: GatewayContext, job: Job) -> None:
    """Let its watchers and its subject know."""
    await announce_state(context.progress, job, _MESSAGE)
    if job.pipeline == BOOK_REVIEW:
        await context.desk.job_ended_outside(job, _MESSAGE)
    elif job.pipeline == CARD_EXECUTION:
        await CardDesk(context.documents, context.ledger).job_ended_outside(job, _MESSAGE)
    elif job.pipeline in (PERSONA_INGESTION, INGEST_COLLECTION):
        await PersonaDesk(context.documents, context.ledger).job_ended_outside(job, _MESSAGE)
