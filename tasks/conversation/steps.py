"""The tasks of a conversation, by the names under which jobs ask for them.

None is retried or cached by Prefect: the job is retried as a whole, with the wait that a service asked for, and what an
earlier attempt did is found in the stored turns, orders and effects, which outlive a flushed cache.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from prefect import task

from spine.contracts.conversations import Delivery, Followup, InboundMessage, TaskName
from spine.contracts.jobs import Job
from spine.services import current_services
from tasks.conversation.answering import Answered, answer_message
from tasks.conversation.crm_orders import create_crm_order as create_order
from tasks.conversation.following_up import send_followup as follow_up
from tasks.conversation.sending import deliver_reply, messages_ahead
from tasks.conversation.summarizing import summarize
from tasks.conversation.transcript import Transcript, reply_turn_id
from tasks.conversation.worker_health import WorkerHealth, check_worker
from tasks.retrying import UNKEPT
from tasks.webhooks.start import start_from_webhook


@task(name=TaskName.PROCESS_MESSAGE.value, task_run_name="answer {job.subject_id}", **UNKEPT)
async def process_message(job: Job, message: InboundMessage) -> Answered:
    """The reply to the message, stored as a turn of the transcript."""
    return await answer_message(current_services(), job, message)


@task(name=TaskName.PROCESS_AND_RESPOND.value, task_run_name="answer {job.subject_id}", **UNKEPT)
async def process_and_respond(job: Job, message: InboundMessage, making: AbstractAsyncContextManager[None]) -> Answered:
    """The same, brought to the person; `making` surrounds the work on the answer, before it is sent.

    One task for both: its record costs more than the sending, and a message that is tried again finds the stored
    reply and the effect anyway.
    """
    async with making:
        answered = await answer_message(current_services(), job, message)
    reply = answered.reply
    return answered.delivered(await _deliver(job, message, reply.text, shows_order=reply.order_id is not None))


@task(name=TaskName.SEND_RESPONSE.value, task_run_name="send to {job.subject_id}", **UNKEPT)
async def send_response(job: Job, message: InboundMessage, text: str) -> Delivery:
    """Bring the text to the person."""
    return await _deliver(job, message, text)


async def _deliver(job: Job, message: InboundMessage, text: str, *, shows_order: bool = False) -> Delivery:
    """At most once per job; what is known of it stands on the stored turn too."""
    services = current_services()
    transcript, turn_id = Transcript(services.documents, message.session_id), reply_turn_id(job.job_id)

    async def note_who_is_ahead() -> None:
        """A send may have to wait long for its turn, or for another attempt."""
        await transcript.note(turn_id, ahead=await messages_ahead(services, job))

    before = note_who_is_ahead if shows_order else None
    delivery = await deliver_reply(services, job, message, text, before=before)
    await transcript.note(turn_id, delivery=str(delivery))
    return delivery


@task(name=TaskName.SUMMARIZE_SESSION.value, task_run_name="summarise {job.subject_id}", **UNKEPT)
async def summarize_session(job: Job) -> dict[str, int]:
    return await summarize(current_services(), job, job.params["session_id"])


@task(name=TaskName.SEND_FOLLOWUP.value, task_run_name="follow up {job.subject_id}", **UNKEPT)
async def send_followup(job: Job) -> Followup:
    return await follow_up(current_services(), job)


@task(name=TaskName.CREATE_CRM_ORDER.value, task_run_name="order of {job.subject_id}", **UNKEPT)
async def create_crm_order(job: Job) -> dict[str, str]:
    return await create_order(current_services(), job)


@task(name=TaskName.HANDLE_WEBHOOK.value, task_run_name="{job.subject_id}", **UNKEPT)
async def handle_webhook(job: Job) -> dict[str, Any]:
    return await start_from_webhook(current_services(), job)


@task(name=TaskName.PING.value, **UNKEPT)
async def ping() -> str:
    return "pong"


@task(name=TaskName.WORKER_HEALTH_CHECK.value, **UNKEPT)
async def worker_health_check() -> WorkerHealth:
    return await check_worker(current_services())
