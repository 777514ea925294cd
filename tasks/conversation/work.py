"""One job of a conversation from its lease to its end, inside whatever flow run surrounds it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from spine.contracts.conversations import Delivery, InboundMessage, TaskName
from spine.contracts.jobs import Job
from spine.errors import InvalidInputError, MillraceError
from spine.live_queues import LIMITS
from spine.services import Services, using
from spine.turns import turn
from tasks.conversation import steps
from tasks.conversation.answering import Answered
from tasks.conversation.asking import tallying
from tasks.conversation.sending import say_still_working
from tasks.conversation.starting import waiting_children
from tasks.conversation.summarizing import is_long, start_summary
from tasks.failed_attempts import Backoff
from tasks.job_run import JobRun, TimeLimits, job_run
from tasks.quoted import quoted

_logger = logging.getLogger("millrace.conversation")

BACKOFF = Backoff(first=1.0, longest=30.0)
"""Between the attempts of a job; a service that asks for longer is obeyed."""


async def run_conversation_job(services: Services, job: Job) -> None:
    """Run the leased job; its result is the `Reply` of a message, else what its task gives.

    Raises what the work raised, after it was recorded. Without a queue the jobs that it started are run here as well.
    """
    task = task_of(job)
    limits = LIMITS[task]
    with using(services), tallying() as tally:
        async with job_run(services, job, TimeLimits(limits.soft, limits.hard), BACKOFF) as run:
            run.current_step = str(task)
            try:
                run.result = await _WORK[task](run)
            finally:
                run.usage = tally.usage
        if services.starter is None:
            await _run_children(services, job)


def task_of(job: Job) -> TaskName:
    """What the job asks for. Raises `InvalidInputError` for a job that asks for nothing that there is."""
    asked = job.params.get("task")
    try:
        return TaskName(str(asked))
    except ValueError:
        known = ", ".join(TaskName)
        raise InvalidInputError(f"There is no task {asked!r} in a conversation; known are {known}.") from None


# -- messages ------------------------------------------------------------------------------------------------


async def _process_message(run: JobRun) -> dict[str, Any]:
    message = _message(run.job)
    async with _session_to_itself(message):
        answered = await steps.process_message(quoted(run.job), quoted(message))
    return await _after_reply(run, answered)


async def _process_and_respond(run: JobRun) -> dict[str, Any]:
    message = _message(run.job)
    async with _session_to_itself(message):
        told = _told_at_soft_limit(run, message)
        answered = await steps.process_and_respond(quoted(run.job), quoted(message), quoted(told))
    if answered.reply.delivery is Delivery.AMBIGUOUS:
        await run.log("nobody knows whether the reply arrived; it is not sent again", "warning")
    return await _after_reply(run, answered)


async def _send_response(run: JobRun) -> dict[str, Any]:
    """`params.message` says where to, and its text what."""
    message = _message(run.job)
    delivery = await steps.send_response(quoted(run.job), quoted(message), message.text)
    return {"text": message.text, "delivery": str(delivery)}


def _session_to_itself(message: InboundMessage) -> AbstractAsyncContextManager[None]:
    """One message of a session at a time. The live lane sees to it anyway; where there is none, this does."""
    return turn(f"conversation:{message.session_id}")


@asynccontextmanager
async def _told_at_soft_limit(run: JobRun, message: InboundMessage) -> AsyncGenerator[None]:
    """Somebody whose answer takes long is told so, while it is still being made."""

    async def tell() -> None:
        await run.soft_limit_reached.wait()
        try:
            await say_still_working(run.services, run.job, message)
        except MillraceError as error:
            await run.log(f"the person could not be told that we are still working: {error}", "warning")

    telling = asyncio.create_task(tell(), name=f"soft limit {run.job.job_id}")
    try:
        yield
    except BaseException:
        telling.cancel()
        raise
    else:
        # Once its text is on the way it is let arrive: the answer must not overtake it.
        if not run.soft_limit_reached.is_set():
            telling.cancel()
    finally:
        with suppress(asyncio.CancelledError):
            await telling


async def _after_reply(run: JobRun, answered: Answered) -> dict[str, Any]:
    """The job's result. A reply is not lost to what comes after it."""
    reply, session = answered.reply, answered.session
    if reply.note:
        await run.log(reply.note, "warning")
    try:
        if is_long(session, run.services.account_policy(session.platform, session.account)):
            await start_summary(run.services, session, run.job)
    except MillraceError as error:
        await run.log(f"the session's summary waits for the hourly check: {error}", "warning")
    return reply.model_dump(mode="json")


def _message(job: Job) -> InboundMessage:
    return InboundMessage.model_validate(job.params["message"])


# -- the other tasks -----------------------------------------------------------------------------------------


async def _summarize_session(run: JobRun) -> dict[str, Any]:
    return dict(await steps.summarize_session(quoted(run.job)))


async def _send_followup(run: JobRun) -> dict[str, Any]:
    return (await steps.send_followup(quoted(run.job))).model_dump(mode="json")


async def _create_crm_order(run: JobRun) -> dict[str, Any]:
    return dict(await steps.create_crm_order(quoted(run.job)))


async def _handle_webhook(run: JobRun) -> dict[str, Any]:
    return await steps.handle_webhook(quoted(run.job))


async def _ping(run: JobRun) -> dict[str, Any]:
    return {"answer": await steps.ping(), "worker": run.services.worker}


async def _worker_health_check(run: JobRun) -> dict[str, Any]:
    return (await steps.worker_health_check()).model_dump(mode="json")


_WORK: Mapping[TaskName, Callable[[JobRun], Awaitable[dict[str, Any]]]] = {
    TaskName.PROCESS_MESSAGE: _process_message,
    TaskName.PROCESS_AND_RESPOND: _process_and_respond,
    TaskName.SEND_RESPONSE: _send_response,
    TaskName.SUMMARIZE_SESSION: _summarize_session,
    TaskName.SEND_FOLLOWUP: _send_followup,
    TaskName.CREATE_CRM_ORDER: _create_crm_order,
    TaskName.HANDLE_WEBHOOK: _handle_webhook,
    TaskName.PING: _ping,
    TaskName.WORKER_HEALTH_CHECK: _worker_health_check,
}


async def _run_children(services: Services, parent: Job) -> None:
    """There is no lane to take them. One that fails has its own record; the parent is done."""
    for child in await waiting_children(services, parent):
        begun = await services.ledger.begin(child.job_id, services.worker)
        if begun is None:
            continue
        try:
            await run_conversation_job(services, begun)
        except MillraceError as error:
            _logger.warning("job %s ended with %s: %s", child.job_id, type(error).__name__, error)
