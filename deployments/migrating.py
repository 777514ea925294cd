"""Migrates the document store that the settings name; what the set-up step does at each start, asked for by hand."""

from __future__ import annotations

from dataclasses import dataclass

from spine.migration_steps import STEPS
from spine.migrations import Taken, migrate, version_of
from spine.services import open_documents
from spine.settings import Settings


@dataclass(frozen=True, slots=True)
class Moved:
    """The store's version before and after, and the steps between them."""

    before: int
    after: int
    steps: list[Taken]


async def bring_to(config: Settings, to: int | None) -> Moved:
    """Take the steps to version `to`, the newest without it. Raises what `spine.migrations.migrate` raises."""
    documents = open_documents(config)
    try:
        before = await version_of(documents)
        steps = await migrate(documents, STEPS, to)
        return Moved(before, await version_of(documents), steps)
    finally:
        await documents.close()
