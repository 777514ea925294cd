"""Searching a persona by its id: what the gateway, the command line and conversations ask."""

from __future__ import annotations

from collections.abc import Sequence

from spine.contracts.personas import COLLECTIONS, CollectionName
from spine.contracts.retrieval import SearchHit
from spine.passages_port import PassageStores
from spine.vectors_port import Filter
from tasks.retrieval.indexed_collection import collection_name
from tasks.retrieval.search import HybridSearch


async def search_persona(
    stores: PassageStores,
    persona_id: str,
    question: str,
    collections: Sequence[CollectionName] = COLLECTIONS,
    *,
    limit: int = 10,
    where: Filter | None = None,
) -> list[SearchHit]:
    """The best passages of the persona's collections, best first; none while nothing is ingested.

    `where` filters by metadata: `work`, `language`, `trust`, `author`, … Raises what `HybridSearch.search` raises.
    """
    search = HybridSearch(stores.embedder, stores.vectors, stores.keywords, stores.looked_at)
    stored = {name: collection_name(persona_id, name) for name in collections}
    return await search.search(question, stored, limit=limit, where=where or None)
