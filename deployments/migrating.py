"""Migrates the document store that the settings name; what the set-up step does at each start, asked for by hand."""

from __future__ import annotations

from dataclasses import dataclass

from spine.errors import NotConfiguredError
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


def require_store(config: Settings) -> None:
    """`NotConfiguredError` where there are no documents yet: to open a store would make one, in whatever home it is."""
    if config.mongo_url is None and not config.documents_path.exists():
        raise NotConfiguredError(
            f"There are no documents in {config.home} yet: run `millrace up` first, or name the home of a stack in "
            "MILLRACE_HOME.",
            what="documents",
        )


async def bring_to(config: Settings, to: int | None) -> Moved:
    """Take the steps to version `to`, the newest without it. Raises what `spine.migrations.migrate` raises."""
    documents = open_documents(config)
    try:
        before = await version_of(documents)
        steps = await migrate(documents, STEPS, to)
        return Moved(before, await version_of(documents), steps)
    finally:
        await documents.close()
