"""A person's message and our reply; also how any other job of a conversation is run outside the live lane."""

from __future__ import annotations

from typing import Any, cast

from prefect import flow

from spine.contracts.conversations import CONVERSATION, Dispatched, MessageRequest, Platform, Reply, message_params
from spine.contracts.jobs import Job
from spine.conversations import check_request, message_of, task_of
from spine.live_queues import LIMITS
from spine.mailbox import session_to_itself
from tasks.conversation.dispatching import dispatch, reply_of
from tasks.conversation.work import run_conversation_job
from tasks.job_run import adopt_job, assigned, assigned_job
from tasks.opening import open_run_services


@flow(name="conversation", flow_run_name="conversation {session_id}", persist_result=False)
async def conversation(
    session_id: str,
    user_message: str,
    platform: Platform = "api",
    chat_id: str = "",
    account: str = "default",
    persona_id: str | None = None,
    fire_and_forget: bool = False,
) -> Reply:
    """Answer a message in its session.

    Works with no server running as well: `await conversation(session_id="ana", user_message="Hello")`.

    Args:
        session_id: Names the conversation; messages of one session share their history.
        user_message: What the person says.
        platform: Where the conversation takes place; on telegram and manychat the reply can be sent.
        chat_id: The chat on that platform.
        account: The bot or page, as its block is named.
        persona_id: The persona whose passages the answer rests on.
        fire_and_forget: Send the reply to the chat instead of only giving it back.
    """
    request = MessageRequest(
        session_id=session_id,
        user_message=user_message,
        platform=platform,
        chat_id=chat_id,
        account=account,
        persona_id=persona_id,
        fire_and_forget=fire_and_forget,
    )
    async with open_run_services() as services:
        check_request(request)
        task, message = task_of(request), message_of(request)
        async with session_to_itself(services.documents, message.session_id):
            job = await adopt_job(
                services.ledger,
                services.worker,
                pipeline=CONVERSATION,
                subject_id=message.session_id,
                queue=LIMITS[task].name,
                params=message_params(task, message),
            )
            await run_conversation_job(services, job)
        return await reply_of(services, job.job_id)


@flow(name="conversation_task", flow_run_name="{task} of {session_id}", persist_result=False)
async def conversation_task(session_id: str, task: str) -> dict[str, Any]:
    """Run the assigned job of a conversation, whatever its task is; only a lane or a gateway calls this.

    Args:
        session_id: What the job is about.
        task: What it does, for the name of the run.
    """
    async with open_run_services() as services:
        job = assigned_job()
        assert job is not None, "this flow runs a job that was assigned to it"
        await run_conversation_job(services, job)
        return (await services.ledger.get(job.job_id)).result or {}


async def dispatch_message(
    session_id: str,
    user_message: str,
    *,
    platform: Platform = "api",
    chat_id: str = "",
    account: str = "default",
    persona_id: str | None = None,
    fire_and_forget: bool = True,
    idempotency_key: str | None = None,
) -> Dispatched:
    """Hand a message over: queued where there are lanes, else (`MILLRACE_QUEUE_ENABLED=false`, no Redis) answered here.

    With `fire_and_forget` the reply is also sent to `chat_id` on a platform that can be sent to.
    """
    request = MessageRequest(
        session_id=session_id,
        user_message=user_message,
        platform=platform,
        chat_id=chat_id,
        account=account,
        persona_id=persona_id,
        fire_and_forget=fire_and_forget,
    )
    async with open_run_services() as services:
        return await dispatch(services, request, run_here, idempotency_key=idempotency_key)


async def run_here(job: Job) -> None:
    """Run one leased job of a conversation in this process, as a flow run of its own."""
    with assigned(job):
        await cast(Any, conversation_task)(session_id=job.subject_id, task=str(job.params.get("task", "")))
