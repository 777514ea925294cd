"""The edges to embeddings: what turns texts into vectors, and where entries are kept under their vectors.

Implementations raise only `spine.errors` and never block the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Vector = list[float]

Scalar = str | int | float | bool
Metadata = Mapping[str, Scalar]

Filter = Mapping[str, Any]
"""`{key: scalar}` for equality or `{key: {"$op": value}}` with $eq $in, and for numbers $gt $gte $lt $lte.

All conditions must hold; an absent key matches none; 1 equals 1.0 and not True; numbers to compare with are whole.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A text with its id and metadata, as it is stored and as it comes back."""

    id: str
    text: str
    metadata: Metadata = field(default_factory=dict[str, Scalar])


@dataclass(frozen=True, slots=True)
class Nearest:
    """An entry that a query found. `similarity` is the cosine, -1 to 1."""

    entry: Entry
    similarity: float


class Embedder(Protocol):
    """Turns texts into vectors of length 1. A text's vector depends on that text alone."""

    @property
    def name(self) -> str:
        """The model and its edition; two embedders of one name give the same vectors."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text count, in the measure of `count_tokens`; the rest of a text is not read."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many of the model's tokens the text has, without the marks the model adds. Quick; may be called often."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of the texts, in their order."""
        ...

    def for_one_corpus(self) -> Embedder:
        """The same embedder, the same counts and vectors; it may remember words for as long as it is held."""
        ...

    async def close(self) -> None: ...


class VectorCollection(Protocol):
    """The entries of one collection, each under the vector of its text. Every write is durable on return."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    async def upsert(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        """Store the entries, whatever was under their ids before. Repeating it changes nothing.

        `InvalidInputError` for vectors of another dimension, values that are not finite, metadata that is not
        scalar, or an id that comes twice.
        """
        ...

    async def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        """Store the entries that are not there; others are passed over. Cheaper than `upsert`, and refuses the same."""
        ...

    async def refresh(self, entries: Sequence[Entry]) -> None:
        """Replace text and metadata of the entries that are there; their vectors stay. Others are passed over."""
        ...

    async def delete(self, ids: Sequence[str]) -> None:
        """Remove the entries; ids that are not there are passed over."""
        ...

    async def count(self) -> int: ...

    def id_pages(self, size: int = 2000) -> AsyncIterator[list[str]]:
        """The id of every entry once, up to `size` at a time. Those written meanwhile may be missing or come twice."""
        ...

    async def get(self, ids: Sequence[str], where: Filter | None = None) -> list[Entry]:
        """The entries that are there and match, in the order of `ids`."""
        ...

    async def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """The stored vectors of those that are there."""
        ...

    async def query(self, vector: Vector, *, limit: int, where: Filter | None = None) -> list[Nearest]:
        """The nearest entries that match, best first. The index is approximate: a near entry may be passed over."""
        ...


class VectorStore(Protocol):
    """Collections of vectors. Each keeps the name of its model and its dimension for as long as it lives."""

    async def open(self, name: str, *, model: str, dimension: int) -> VectorCollection:
        """The collection, made when it is missing.

        `InvalidInputError` when it holds vectors of another model or dimension, or when the name is not one.
        """
        ...

    async def find(self, name: str) -> VectorCollection | None: ...

    async def names(self, prefix: str = "") -> list[str]:
        """The collections whose names begin so, in order."""
        ...

    async def drop(self, name: str) -> None:
        """Remove the collection with all its entries; one that is not there is passed over."""
        ...

    async def ping(self) -> None:
        """Return when the store answers; `ExternalServiceError` otherwise."""
        ...

    async def close(self) -> None: ...
