"""A persona's works, quotes and profile become collections that can be searched."""

from __future__ import annotations

from typing import Any, cast

from prefect import flow

from flows.ingest_collection import ingest_collection
from spine.contracts.ingestion import IngestionResult
from spine.contracts.jobs import Job
from spine.contracts.personas import CollectionName
from tasks.job_run import assigned
from tasks.opening import open_run_services
from tasks.persona_ingestion.ingestion import open_ingestion


@flow(name="persona_ingestion", flow_run_name="ingest {persona_id}", persist_result=False)
async def persona_ingestion(
    persona_id: str, source: str | None = None, collections: list[CollectionName] | None = None
) -> IngestionResult:
    """Ingest a persona's sources. What is stored already is not embedded again; what they give no more goes.

    Works with no server running as well: `await persona_ingestion(persona_id="eminescu")`.

    Args:
        persona_id: The persona: letters, digits, - and _.
        source: A folder under MILLRACE_PERSONAS with works/, quotes/ and profile.md; the persona's own without it.
        collections: works, quotes, profile; all of them without it.
    """
    async with (
        open_run_services() as services,
        open_ingestion(services, persona_id, source, collections) as ingestion,
    ):
        await ingestion.bring_in(["profile"], ingest_here)
        await ingestion.bring_in(["works", "quotes"], ingest_here)
        return await ingestion.finish()


async def ingest_here(job: Job) -> None:
    """Run one leased collection in this process."""
    with assigned(job):
        await cast(Any, ingest_collection)(**job.params)
