"""What a job was about, told of an end that no flow can tell."""

from __future__ import annotations

from spine.cards import CARD_EXECUTION, CardDesk
from spine.contracts.jobs import Job
from spine.jobs import JobLedger
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION, PersonaDesk
from spine.ports import Documents
from spine.submissions import BOOK_REVIEW, PUBLISH_ARTICLE, ReviewDesk


async def tell_of_end(documents: Documents, ledger: JobLedger, job: Job, reason: str) -> None:
    """Let the job's submission, card or persona know that it was given up, or cancelled while nothing ran it."""
    if job.pipeline in (BOOK_REVIEW, PUBLISH_ARTICLE):
        await ReviewDesk(documents, ledger).job_ended_outside(job, reason)
    elif job.pipeline == CARD_EXECUTION:
        await CardDesk(documents, ledger).job_ended_outside(job, reason)
    elif job.pipeline in (PERSONA_INGESTION, INGEST_COLLECTION):
        await PersonaDesk(documents, ledger).job_ended_outside(job, reason)
