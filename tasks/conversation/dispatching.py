"""Handing a message over from Python: to the lanes, or answered in place where there is no queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from spine.contracts.conversations import Delivery, Dispatched, InboundMessage, MessageRequest, Reply, TaskName
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk
from spine.errors import ExternalServiceError, RetryableError
from spine.idempotency import new_id
from spine.services import Services
from tasks.conversation.sending import SENT_TO

RunHere = Callable[[Job], Awaitable[None]]
"""Runs a leased job in this process."""


def inbound(request: MessageRequest) -> InboundMessage:
    """A call's message in the shape that every platform's messages have."""
    return InboundMessage(
        session_id=request.session_id,
        platform=request.platform,
        account=request.account,
        chat_id=request.chat_id,
        text=request.user_message,
        message_id=new_id("msg"),
        persona_id=request.persona_id,
    )


def task_for(request: MessageRequest) -> TaskName:
    """A reply that nobody fetches is sent; one that is waited for, or cannot be sent, is kept."""
    is_sent = request.fire_and_forget and request.platform in SENT_TO and request.chat_id
    return TaskName.PROCESS_AND_RESPOND if is_sent else TaskName.PROCESS_MESSAGE


async def dispatch(
    services: Services, request: MessageRequest, run_here: RunHere, *, idempotency_key: str | None = None
) -> Dispatched:
    """Store the message's job and hand it to the lanes; without a queue run it here and give the reply.

    Raises what the work raised where it ran here.
    """
    desk = ConversationDesk(services.documents, services.ledger)
    job, new = await desk.receive(inbound(request), task_for(request), idempotency_key=idempotency_key)
    if services.starter is not None:
        await _hand_over(services, job)
        return Dispatched(queued=True, trace_id=job.trace_id, task_id=job.job_id, job_id=job.job_id)
    if new and (begun := await services.ledger.begin(job.job_id, services.worker)) is not None:
        await run_here(begun)
    reply = await reply_of(services, job.job_id)
    return Dispatched(queued=False, trace_id=job.trace_id, task_id=job.job_id, job_id=job.job_id, response=reply.text)


async def reply_of(services: Services, job_id: str) -> Reply:
    """The reply of a message's job. Raises `ExternalServiceError` when it has none (yet)."""
    job = await services.ledger.get(job_id)
    if not job.result:
        reason = job.error.message if job.error else f"it is {job.status}"
        raise ExternalServiceError(f"Message {job_id} has no answer: {reason}", service="conversation")
    return Reply.model_validate({"delivery": Delivery.KEPT, **job.result})


async def _hand_over(services: Services, job: Job) -> None:
    """The job is stored: a queue that is away delays it, and the sweeper hands it over."""
    if services.starter is None or job.status.is_final:
        return
    try:
        await services.starter.start(job)
    except RetryableError:
        return
