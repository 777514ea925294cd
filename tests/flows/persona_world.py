"""A persona's world for flow tests: real Chroma and keyword index, an embedder that counts, the rest in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.job_handler import JobHandler
from spine.contracts.jobs import Job
from spine.contracts.personas import CollectionName, IngestRequest, Persona
from spine.documents import ensure_indexes
from spine.passages_port import PassageStores
from spine.personas import Accepted, PersonaDesk
from spine.services import Services, using
from spine.settings import Settings
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from spine.vectors_port import Vector
from tasks.retrieval.indexed_collection import collection_name


class GatedEmbedder(HashingEmbedder):
    """Waits before every batch until `gate` lets it go on; `None` never waits."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: Any = None

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.gate is not None:
            await self.gate()
        return await super().embed(texts)


@dataclass
class PersonaWorld:
    """Put files, ingest them, look at what is stored and told."""

    services: Services
    stores: PassageStores
    embedder: GatedEmbedder
    persona_id: str
    desk: PersonaDesk = field(init=False)
    handler: JobHandler = field(init=False)

    def __post_init__(self) -> None:
        self.desk = PersonaDesk(self.services.documents, self.services.ledger)
        self.handler = JobHandler(self.services)

    @property
    def folder(self) -> Path:
        return self.services.settings.personas_dir / self.persona_id

    def put(self, name: str, content: str | bytes) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    async def accept(self, *collections: CollectionName, key: str | None = None) -> Accepted:
        asked: dict[str, Any] = {"collections": [*collections]} if collections else {}
        return await self.desk.accept(self.persona_id, IngestRequest(**asked), idempotency_key=key)

    async def run(self, job: Job) -> Job:
        with using(self.services):
            await self.handler(job.job_id)
        return await self.services.ledger.get(job.job_id)

    async def ingest(self, *collections: CollectionName) -> tuple[Persona, Job]:
        """An ingestion run to its end."""
        ended = await self.run((await self.accept(*collections)).job)
        return await self.desk.get(self.persona_id), ended

    async def job_of(self, collection: CollectionName) -> Job:
        """The latest job of the collection."""
        job_id = (await self.desk.get(self.persona_id)).collections[collection].job_id
        assert job_id is not None
        return await self.services.ledger.get(job_id)

    async def stored(self, collection: CollectionName) -> dict[str, str]:
        """The texts of a collection by their ids."""
        found = await self.stores.vectors.find(collection_name(self.persona_id, collection))
        if found is None:
            return {}
        ids = [one async for page in found.id_pages() for one in page]
        return {entry.id: entry.text for entry in await found.get(ids)}

    async def percents(self, job: Job) -> list[float]:
        return [event.progress for event in await self.services.progress.read(job.job_id)]


async def open_persona_world(persona_id: str, settings: Settings, stores: PassageStores) -> PersonaWorld:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    assert isinstance(stores.embedder, GatedEmbedder)

    async def passages() -> PassageStores:
        return stores

    services = Services(
        settings=settings,
        documents=documents,
        progress=MemoryProgressLog(),
        models=ScriptedModels(providers=()),
        pages=MemoryPages({}),
        browser=None,
        passages=passages,
        worker="lane:test",
    )
    return PersonaWorld(services, stores, stores.embedder, persona_id)
