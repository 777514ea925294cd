"""Which flow runs a job of which pipeline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from spine.backlogs import RUN_BACKLOG
from spine.batches import BATCH
from spine.cards import CARD_EXECUTION
from spine.contracts.conversations import CONVERSATION
from spine.contracts.jobs import Job, JobStatus
from spine.errors import NotConfiguredError
from spine.graphs import MODULE_GRAPH
from spine.job_subjects import tell_of_end
from spine.personas import INGEST_COLLECTION, PERSONA_INGESTION
from spine.services import Services, current_services
from spine.submissions import BOOK_REVIEW, PUBLISH_ARTICLE
from tasks.card_execution.attempt import end_agent
from tasks.job_run import assigned_job
from tasks.maintenance.chore import MAINTENANCE
from tasks.shift import shares_run

Runner = Callable[[Job], Awaitable[Any]]

_PLAIN = (BOOK_REVIEW, PUBLISH_ARTICLE, BATCH, CARD_EXECUTION, RUN_BACKLOG, PERSONA_INGESTION, INGEST_COLLECTION)
"""Pipelines whose flow has their name."""

_CHORES = (
    "check_followups",
    "check_summaries",
    "cleanup_old_results",
    "health_check",
    "maintenance",
    "refresh_books",
)
"""Flows of maintenance jobs; the subject of such a job is the name of its flow (`tasks.maintenance.chore`)."""

_modules: dict[str, ModuleType] = {}
"""What this process has loaded of `flows` and `tasks`."""

_loading = threading.Lock()


async def _module(name: str) -> ModuleType:
    """Loaded beside the event loop: it takes a busy machine many seconds, and a loop that stands still so long is
    ended."""
    if name not in _modules:
        _modules[name] = await asyncio.to_thread(_imported, name)
    return _modules[name]


def _imported(name: str) -> ModuleType:
    """One at a time: of two threads that import what imports each other, one would get a module that is half made."""
    with _loading:
        return import_module(name)


async def _call(flow: str, job: Job) -> Any:
    """A flow stands in a module of its own name, and a job's parameters are its flow's."""
    return await getattr(await _module(f"flows.{flow}"), flow)(**job.params)


async def _plain(job: Job) -> Any:
    return await _call(job.pipeline, job)


async def _module_graph(job: Job) -> Any:
    """Modules are tasks inside the lane's open flow run; elsewhere the job has a flow run of its own."""
    if not shares_run():
        return await _plain(job)
    walk = await _module("tasks.module_graph.run")
    return await walk.run_graph_job(current_services(), _taken(job))


async def _conversation(job: Job) -> Any:
    """A message costs a few tasks inside the lane's open flow run; elsewhere it has a flow run of its own."""
    if not shares_run():
        return await (await _module("flows.conversation")).run_here(job)
    work = await _module("tasks.conversation.work")
    return await work.run_conversation_job(current_services(), _taken(job))


def _taken(job: Job) -> Job:
    """The job, as taken by the open flow run that it shares: no flow that is called in it takes the job for its own."""
    return assigned_job() or job


async def _maintenance(job: Job) -> Any:
    if job.subject_id not in _CHORES:
        raise NotConfiguredError(f"There is no housekeeping called {job.subject_id!r}.", what=job.subject_id)
    return await _call(job.subject_id, job)


RUNNERS: dict[str, Runner] = {
    **dict.fromkeys(_PLAIN, _plain),
    CONVERSATION: _conversation,
    MODULE_GRAPH: _module_graph,
    MAINTENANCE: _maintenance,
}


def runner_for(pipeline: str) -> Runner:
    try:
        return RUNNERS[pipeline]
    except KeyError:
        raise NotConfiguredError(
            f"No flow runs jobs of {pipeline!r}; known are {', '.join(sorted(RUNNERS))}.", what=pipeline
        ) from None


async def tell_subject(services: Services, job: Job) -> None:
    """Let what the job was about know that the job ended with no flow to say so."""
    given_up = "The job was cancelled." if job.status is JobStatus.REVOKED else "The job was given up."
    reason = job.error.message if job.error else given_up
    await tell_of_end(services.documents, services.ledger, job, reason)
    if job.pipeline == CARD_EXECUTION:
        await end_agent(services, job)
