"""The task of an ingestion: one collection brought in step with its sources."""

from __future__ import annotations

import asyncio

from prefect import task
from prefect.tasks import exponential_backoff

from spine.contracts.ingestion import CollectionResult
from spine.contracts.personas import CollectionName
from spine.persona_folders import persona_folder
from spine.services import current_services
from tasks.persona_ingestion.collection_run import current_collection
from tasks.persona_ingestion.sources import Sources, find_sources
from tasks.persona_ingestion.updating import update_from
from tasks.retrying import RETRIED, TaskOptions, obeys_retry_after

_PATIENT: TaskOptions = {**RETRIED, "retries": 6, "retry_delay_seconds": exponential_backoff(backoff_factor=1)}
"""Up to a minute in all: a store that is started again must not cost an ingestion of an hour."""


@task(name="update collection", task_run_name="update {collection} of {persona_id}", **_PATIENT)
@obeys_retry_after
async def update_collection(persona_id: str, collection: CollectionName, source: str) -> CollectionResult:
    """Embed what is new, refresh what has moved, remove what is gone. Trying again goes on from what is stored."""
    running = current_collection()
    sources = await asyncio.to_thread(sources_of, source, collection)
    return await update_from(persona_id, collection, sources, running.stores, running.tell)


def sources_of(source: str, collection: CollectionName) -> Sources:
    """The files of the folder `source` under MILLRACE_PERSONAS."""
    return find_sources(persona_folder(current_services().settings.personas_dir, source), collection)
