"""Starting a job from within another one: a CRM order after a confirmation, a summary after a long exchange."""

from __future__ import annotations

import logging
from typing import Any

from spine.contracts.conversations import CONVERSATION, TaskName
from spine.contracts.jobs import Job
from spine.contracts.timestamps import utc_now
from spine.conversations import MAX_ATTEMPTS
from spine.documents import JOBS
from spine.due_jobs import is_due
from spine.errors import RetryableError
from spine.jobs import from_document
from spine.live_queues import LIMITS
from spine.services import Services

_logger = logging.getLogger("millrace.conversation")


async def start_task(
    services: Services,
    task: TaskName,
    session_id: str,
    params: dict[str, Any],
    *,
    idempotency_key: str,
    parent_job_id: str | None = None,
    trace_id: str = "",
) -> tuple[Job, bool]:
    """The stored job and whether it is new; handed to the lanes where there is a queue.

    Without a queue it waits for `waiting_children`.
    """
    job, new = await services.ledger.create(
        CONVERSATION,
        session_id,
        idempotency_key=idempotency_key,
        params={"task": str(task), "session_id": session_id, **params},
        queue=LIMITS[task].name,
        max_attempts=MAX_ATTEMPTS,
        parent_job_id=parent_job_id,
        trace_id=trace_id,
    )
    if services.starter is not None and not job.status.is_final:
        try:
            await services.starter.start(job)
        except RetryableError as error:
            _logger.warning("job %s is stored and the sweeper will start it: %s", job.job_id, error)
    return job, new


async def waiting_children(services: Services, parent: Job) -> list[Job]:
    """Jobs that this one started and that are due now."""
    where = {"parent_job_id": parent.job_id, "pipeline": CONVERSATION, "status": {"$in": ["PENDING", "RETRY"]}}
    found = [from_document(document) for document in await services.documents.find(JOBS, where)]
    return [job for job in found if is_due(job, utc_now())]
