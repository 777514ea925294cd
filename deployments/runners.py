"""Which flow runs a job of which pipeline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, cast

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

_loaded: set[str] = set()
"""Modules of flows that this process has loaded."""

_loading = threading.Lock()


async def _load(*modules: str) -> None:
    """Beside the event loop: it takes a busy machine many seconds, and a loop that stands still so long is ended."""
    for module in modules:
        if module not in _loaded:
            await asyncio.to_thread(_import, module)
            _loaded.add(module)


def _import(module: str) -> None:
    """One at a time: of two threads that import what imports each other, one would get a module that is half made."""
    with _loading:
        import_module(module)


async def _book_review(job: Job) -> Any:
    await _load("flows.book_review")
    from flows.book_review import book_review

    # The cast hides Prefect's overloads, which cannot know that the parameters hold no `return_state`.
    return await cast(Any, book_review)(**job.params)


async def _publish_article(job: Job) -> Any:
    await _load("flows.publish_article")
    from flows.publish_article import publish_article

    return await cast(Any, publish_article)(**job.params)


async def _batch(job: Job) -> Any:
    await _load("flows.batch")
    from flows.batch import batch

    return await cast(Any, batch)(**job.params)


async def _card_execution(job: Job) -> Any:
    await _load("flows.card_execution")
    from flows.card_execution import card_execution

    return await cast(Any, card_execution)(**job.params)


async def _run_backlog(job: Job) -> Any:
    await _load("flows.run_backlog")
    from flows.run_backlog import run_backlog

    return await cast(Any, run_backlog)(**job.params)


async def _module_graph(job: Job) -> Any:
    """Modules are tasks inside the lane's open flow run; elsewhere the job has a flow run of its own."""
    await _load("flows.module_graph", "tasks.module_graph.run")
    from flows.module_graph import module_graph
    from tasks.module_graph.run import run_graph_job

    if shares_run():
        return await run_graph_job(current_services(), _taken(job))
    return await cast(Any, module_graph)(**job.params)


def _taken(job: Job) -> Job:
    """The job, as taken by the open flow run that it shares: no flow that is called in it takes the job for its own."""
    return assigned_job() or job


async def _persona_ingestion(job: Job) -> Any:
    await _load("flows.persona_ingestion")
    from flows.persona_ingestion import persona_ingestion

    return await cast(Any, persona_ingestion)(**job.params)


async def _ingest_collection(job: Job) -> Any:
    """One that lost its process, or was put back to work; otherwise its ingestion runs it."""
    await _load("flows.ingest_collection")
    from flows.ingest_collection import ingest_collection

    return await cast(Any, ingest_collection)(**job.params)


async def _conversation(job: Job) -> Any:
    """A message costs a few tasks inside the lane's open flow run; elsewhere it has a flow run of its own."""
    await _load("flows.conversation", "tasks.conversation.work")
    from flows.conversation import run_here
    from tasks.conversation.work import run_conversation_job

    await (run_conversation_job(current_services(), _taken(job)) if shares_run() else run_here(job))


async def _maintenance(job: Job) -> Any:
    """The subject of such a job is the name of its flow (`tasks.maintenance.chore`)."""
    await _load(
        "flows.check_followups",
        "flows.check_summaries",
        "flows.cleanup_old_results",
        "flows.health_check",
        "flows.maintenance",
        "flows.refresh_books",
    )
    from flows.check_followups import check_followups
    from flows.check_summaries import check_summaries
    from flows.cleanup_old_results import cleanup_old_results
    from flows.health_check import health_check
    from flows.maintenance import maintenance
    from flows.refresh_books import refresh_books

    checks = (health_check, check_followups, check_summaries)
    flows = {flow.name: flow for flow in (maintenance, refresh_books, cleanup_old_results, *checks)}
    if job.subject_id not in flows:
        raise NotConfiguredError(f"There is no housekeeping called {job.subject_id!r}.", what=job.subject_id)
    return await cast(Any, flows[job.subject_id])(**job.params)


RUNNERS: dict[str, Runner] = {
    BOOK_REVIEW: _book_review,
    PUBLISH_ARTICLE: _publish_article,
    BATCH: _batch,
    CONVERSATION: _conversation,
    CARD_EXECUTION: _card_execution,
    RUN_BACKLOG: _run_backlog,
    MODULE_GRAPH: _module_graph,
    PERSONA_INGESTION: _persona_ingestion,
    INGEST_COLLECTION: _ingest_collection,
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
