"""Stored pipelines: the configuration in force of each, and every one that was in force before."""

from __future__ import annotations

from spine.contracts.pipelines import PipelineConfig
from spine.documents import PIPELINE_CONFIGS, PIPELINE_REVISIONS, Page, page_of
from spine.errors import ConflictError, DuplicateError, NotFoundError
from spine.ports import Document, Documents


class PipelineShelf:
    """Reads and writes `pipeline_configs` (what is in force) and `pipeline_revisions` (what was). Holds nothing."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def find(self, slug: str) -> PipelineConfig | None:
        stored = await self._documents.get(PIPELINE_CONFIGS, slug)
        return pipeline_from(stored) if stored is not None else None

    async def get(self, slug: str, revision: int | None = None) -> PipelineConfig:
        """What is in force, or an earlier revision; `NotFoundError` says where to look."""
        current = await self.find(slug)
        if current is None:
            raise NotFoundError(f"There is no pipeline {slug!r}; `GET /pipelines` lists them.")
        if revision in (None, current.revision):
            return current
        earlier = await self._documents.get(PIPELINE_REVISIONS, _revision_id(slug, revision or 0))
        if earlier is None:
            raise NotFoundError(
                f"Pipeline {slug} has no revision {revision}; `GET /pipelines/{slug}/revisions` lists them."
            )
        return pipeline_from(earlier)

    async def page(self, *, limit: int, cursor: str | None) -> Page:
        return await page_of(self._documents, PIPELINE_CONFIGS, sort=[("_id", 1)], limit=limit, cursor=cursor)

    async def earlier(self, slug: str, *, below: int, limit: int, cursor: str | None) -> Page:
        """Revisions that were in force before revision `below`, newest first."""
        where = {"slug": slug, "revision": {"$lt": below}}
        order = [("revision", -1)]
        return await page_of(self._documents, PIPELINE_REVISIONS, where, sort=order, limit=limit, cursor=cursor)

    async def seed(self, pipeline: PipelineConfig) -> bool:
        """Store the pipeline unless its slug is taken; says whether it did."""
        try:
            await self._documents.insert(PIPELINE_CONFIGS, pipeline_document(pipeline))
        except DuplicateError:
            return False
        return True

    async def replace(self, saved: PipelineConfig, current: PipelineConfig | None) -> None:
        """Put `saved` into force in place of `current`, which is kept first: a crash in between loses neither.

        `ConflictError` when somebody else has saved the pipeline since `current` was read.
        """
        if current is None:
            if not await self.seed(saved):
                raise ConflictError("Somebody else has just made this pipeline; read it again.")
            return
        kept = pipeline_document(current) | {"_id": _revision_id(current.slug, current.revision)}
        await self._documents.upsert(PIPELINE_REVISIONS, kept)
        unchanged = {"_id": saved.slug, "revision": current.revision}
        if await self._documents.update(PIPELINE_CONFIGS, unchanged, set=saved.model_dump(mode="json")) is None:
            raise ConflictError("Somebody else has just saved this pipeline; read it again before you edit.")


def _revision_id(slug: str, revision: int) -> str:
    return f"{slug}:{revision}"


def pipeline_from(document: Document) -> PipelineConfig:
    return PipelineConfig(**{name: value for name, value in document.items() if name != "_id"})


def pipeline_document(pipeline: PipelineConfig) -> Document:
    return {"_id": pipeline.slug, **pipeline.model_dump(mode="json")}
