"""An embedder without a model, for tests: texts that share words are near each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from spine.vectors_port import Embedder, Vector
from spine.words import words


class HashingEmbedder:
    """Each word is a direction chosen by its hash. It keeps no state; `embedded` counts the texts it was given."""

    def __init__(self, dimension: int = 64, max_tokens: int = 254, name: str = "hashed-words") -> None:
        self.name = f"{name}-{dimension}"
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.embedded = 0

    def count_tokens(self, text: str) -> int:
        return len(words(text))

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def for_one_corpus(self) -> Embedder:
        return self

    def _vector(self, text: str) -> Vector:
        sums = [0.0] * self.dimension
        for word in words(text)[: self.max_tokens] or [""]:
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            sums[int.from_bytes(digest[:4]) % self.dimension] += 1.0 if digest[7] & 1 else -1.0
        length = math.hypot(*sums)
        return [value / length for value in sums] if length else [1.0] + [0.0] * (self.dimension - 1)

    async def close(self) -> None:
        """It holds nothing."""
