"""Handing a message over from Python: to the lanes, or answered in place where there is no queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from spine.contracts.conversations import Delivery, Dispatched, MessageRequest, Reply
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk, check_request, message_of, task_of
from spine.errors import ExternalServiceError, RetryableError
from spine.mailbox import session_to_itself
from spine.services import Services

RunHere = Callable[[Job], Awaitable[None]]
"""Runs a leased job in this process."""


async def dispatch(
    services: Services, request: MessageRequest, run_here: RunHere, *, idempotency_key: str | None = None
) -> Dispatched:
    """Store the message's job and hand it to the lanes; without a queue run it here and give the reply.

    Raises `InvalidInputError` for a reply that would have nowhere to go, and what the work raised where it ran here.
    """
    check_request(request)
    desk = ConversationDesk(services.documents, services.ledger)
    job, new = await desk.receive(message_of(request), task_of(request), idempotency_key=idempotency_key)
    if services.starter is not None:
        await _hand_over(services, job)
        return Dispatched(queued=True, trace_id=job.trace_id, task_id=job.job_id, job_id=job.job_id)
    if new:
        await _answered_here(services, job, run_here)
    reply = await reply_of(services, job.job_id)
    return Dispatched(queued=False, trace_id=job.trace_id, task_id=job.job_id, job_id=job.job_id, response=reply.text)


async def reply_of(services: Services, job_id: str) -> Reply:
    """The reply of a message's job. Raises `ExternalServiceError` when it has none (yet)."""
    job = await services.ledger.get(job_id)
    if not job.result:
        reason = job.error.message if job.error else f"it is {job.status}"
        raise ExternalServiceError(f"Message {job_id} has no answer: {reason}", service="conversation")
    return Reply.model_validate({"delivery": Delivery.KEPT, **job.result})


async def _answered_here(services: Services, job: Job, run_here: RunHere) -> None:
    async with session_to_itself(services.documents, job.subject_id):
        if (begun := await services.ledger.begin(job.job_id, services.worker)) is not None:
            await run_here(begun)


async def _hand_over(services: Services, job: Job) -> None:
    """The job is stored: a queue that is away delays it, and the sweeper hands it over."""
    if services.starter is None or job.status.is_final:
        return
    try:
        await services.starter.start(job)
    except RetryableError:
        return
