"""A keyword index in memory: the twin of the SQLite one for tests."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from spine.keyword_terms import telling_words
from spine.keywords_port import KeywordHit
from spine.vectors_port import Entry
from spine.words import words

_SATURATION: Final = 1.2
_LENGTH_WEIGHT: Final = 0.75


class MemoryKeywords:
    """Collections that live as long as this object; every search reads all of them."""

    def __init__(self) -> None:
        self._collections: dict[str, dict[str, str]] = {}

    async def upsert(self, collection: str, entries: Sequence[Entry]) -> None:
        held = self._collections.setdefault(collection, {})
        held.update((entry.id, _spaced(words(entry.text))) for entry in entries)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        for one in ids:
            self._collections.get(collection, {}).pop(one, None)

    async def search(self, collection: str, text: str, *, limit: int) -> list[KeywordHit]:
        held = self._collections.get(collection, {})
        asked = words(text)
        telling = telling_words(await self.holding(collection, asked), len(held))
        terms = [_spaced([word]) for word in telling]
        terms += [_spaced(asked)] if len(asked) > 1 else []
        scores = {one: _bm25(each, terms, held) for one, each in held.items()}
        best = sorted((one for one in scores if scores[one] > 0), key=lambda one: (-scores[one], one))
        return [KeywordHit(one, scores[one]) for one in best[:limit]]

    async def holding(self, collection: str, asked: Collection[str]) -> dict[str, int]:
        held = self._collections.get(collection, {}).values()
        return {word: sum(_spaced([word]) in each for each in held) for word in asked}

    async def count(self, collection: str) -> int:
        return len(self._collections.get(collection, {}))

    async def ids(self, collection: str) -> AsyncIterator[str]:
        for one in list(self._collections.get(collection, {})):
            yield one

    async def drop(self, collection: str) -> None:
        self._collections.pop(collection, None)

    async def close(self) -> None:
        """It holds nothing outside this object."""


def _spaced(folded: Sequence[str]) -> str:
    """Doubled spaces, so that neighbours can be counted without sharing one."""
    return f" {'  '.join(folded)} "


def _bm25(text: str, terms: Sequence[str], held: dict[str, str]) -> float:
    mean = sum(map(len, held.values())) / len(held)
    score = 0.0
    for term in terms:
        often, holding = text.count(term), sum(term in each for each in held.values())
        rarity = math.log(1 + (len(held) - holding + 0.5) / (holding + 0.5))
        length = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * len(text) / (mean or 1)
        score += rarity * often * (_SATURATION + 1) / (often + _SATURATION * length)
    return score
