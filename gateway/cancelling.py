"""Telling of a job that was cancelled while it waited: nobody runs it, so nobody else says so."""

from __future__ import annotations

from gateway.context import GatewayContext
from spine.contracts.jobs import Job
from spine.job_subjects import tell_of_end
from spine.progress import announce_state

_MESSAGE = "The job was cancelled before it began."


async def tell_of_cancel(context: GatewayContext, job: Job) -> None:
    """Let its watchers and its subject know."""
    await announce_state(context.progress, job, _MESSAGE)
    await tell_of_end(context.documents, context.ledger, job, _MESSAGE)
