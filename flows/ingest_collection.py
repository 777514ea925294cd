"""One collection of a persona brought in step with its sources: part of an ingestion, and resumed by itself."""

from __future__ import annotations

from prefect import flow

from spine.contracts.ingestion import CollectionResult
from spine.contracts.personas import CollectionName
from tasks.opening import open_run_services
from tasks.persona_ingestion.collection_run import open_collection
from tasks.persona_ingestion.steps import update_collection


@flow(name="ingest_collection", flow_run_name="{collection} of {persona_id}", persist_result=False)
async def ingest_collection(persona_id: str, collection: CollectionName, source: str) -> CollectionResult:
    """Embed what is new in a collection's sources and remove what they give no more.

    Args:
        persona_id: The persona.
        collection: works, quotes or profile.
        source: A folder under MILLRACE_PERSONAS.
    """
    async with open_run_services() as services, open_collection(services, persona_id, collection) as running:
        result = await update_collection(persona_id, collection, source)
        return await running.complete(result)
