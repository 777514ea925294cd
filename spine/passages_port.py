"""What a persona's passages are kept in, opened together: the model, the vectors and the words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from spine.errors import NotConfiguredError
from spine.keywords_port import KeywordIndex
from spine.vectors_port import Embedder, VectorStore


@dataclass(frozen=True, slots=True)
class PassageStores:
    """They belong to one event loop and are closed by who opened them."""

    embedder: Embedder
    vectors: VectorStore
    keywords: KeywordIndex
    looked_at: dict[str, float] = field(default_factory=dict[str, float])
    """When each collection's words were last held against its passages; it lives as long as the stores are open."""


OpenPassages = Callable[[], Awaitable[PassageStores]]
"""The same stores at every call; the first one opens them, so that a process that needs none pays for none."""


async def no_passages() -> PassageStores:
    """Where no stores can be opened."""
    raise NotConfiguredError("No stores for passages are open here.", what="passages")
