"""The edge to keyword search: entries found by the words they hold, ranked by BM25."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from spine.vectors_port import Entry


@dataclass(frozen=True, slots=True)
class KeywordHit:
    """An entry that holds some of the words. Higher scores are better; they compare within one collection."""

    id: str
    score: float


class KeywordIndex(Protocol):
    """An index of words by collection, exact after every write. Words are compared as `spine.words.words` folds them.

    It holds what the vector store holds and can be made again from it at any time.
    """

    async def upsert(self, collection: str, entries: Sequence[Entry]) -> None: ...

    async def delete(self, collection: str, ids: Sequence[str]) -> None: ...

    async def search(self, collection: str, text: str, *, limit: int) -> list[KeywordHit]:
        """The best entries for the words of `text`, best first; the words in that very order count as one more.

        Words that most entries hold are left out while rarer ones remain.
        """
        ...

    async def holding(self, collection: str, asked: Collection[str]) -> dict[str, int]:
        """How many entries hold each of the folded words; words that none holds may be left out."""
        ...

    async def count(self, collection: str) -> int: ...

    def ids(self, collection: str) -> AsyncIterator[str]: ...

    async def drop(self, collection: str) -> None: ...

    async def close(self) -> None: ...
