"""The work of a webhook's job: start what the source's rule says, once per event."""

from __future__ import annotations

import json
import logging
from typing import Any

from spine.contracts.conversations import WebhookEvent
from spine.contracts.jobs import Job, JobStatus
from spine.errors import NotConfiguredError, RetryableError
from spine.idempotency import webhook_task_id
from spine.progress import announce_state
from spine.services import Services
from spine.webhook_rules import rendered
from tasks.webhooks.starters import STARTERS

_logger = logging.getLogger("millrace.webhooks")


async def start_from_webhook(services: Services, job: Job) -> dict[str, Any]:
    """Start the pipeline of the event in a `handle_webhook` job: `{pipeline, job_id, subject_id, event, source}`.

    The started job's key follows from source and `webhook-id`, so a repeated attempt finds it. Raises
    `InvalidInputError` when the payload lacks what the rule asks for, or the pipeline refuses the parameters.
    """
    event = WebhookEvent.model_validate(job.params["event"])
    starter = STARTERS.get(event.pipeline)
    if starter is None:
        known = ", ".join(sorted(STARTERS))
        raise NotConfiguredError(f"No webhook starts {event.pipeline!r}; known are {known}.", what=event.pipeline)
    params = rendered(event.params, json.loads(event.payload))
    started = await starter(services, params, webhook_task_id(event.source, event.webhook_id, "", event.pipeline))
    await _hand_over(services, started)
    return {
        "pipeline": started.pipeline,
        "job_id": started.job_id,
        "subject_id": started.subject_id,
        "event": event.event,
        "source": event.source,
    }


async def _hand_over(services: Services, job: Job) -> None:
    """The job is stored; a queue that is away delays it until the sweeper comes by."""
    if job.status is not JobStatus.PENDING:
        return
    await announce_state(services.progress, job, "queued")
    if services.starter is None:
        return
    try:
        await services.starter.start(job)
    except RetryableError as error:
        _logger.warning("job %s is stored and the sweeper will start it: %s", job.job_id, error)
