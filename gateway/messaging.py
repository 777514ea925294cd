"""Handing a message over through the queue, where nothing better was given to the gateway."""

from __future__ import annotations

from gateway.context import GatewayContext
from gateway.problems import ProblemError
from gateway.starting import hand_over
from spine.contracts.conversations import Dispatched, MessageRequest
from spine.conversations import ConversationDesk, check_request, is_of, message_of, task_of


async def dispatch(context: GatewayContext, request: MessageRequest, idempotency_key: str | None) -> Dispatched:
    """Queue the message, or let whoever built the gateway say how it is answered."""
    check_request(request)
    if context.dispatch_message is not None:
        return await context.dispatch_message(request, idempotency_key)
    desk = ConversationDesk(context.documents, context.ledger)
    key = f"message:{idempotency_key}" if idempotency_key else None
    job, new = await desk.receive(message_of(request), task_of(request), idempotency_key=key)
    if not new and not is_of(job, request):
        raise ProblemError(422, "idempotency_key_reused", "This Idempotency-Key was used for another message.")
    await hand_over(context, job)
    return Dispatched(queued=True, trace_id=job.trace_id, task_id=job.job_id, job_id=job.job_id)
