"""Vector collections on a Chroma server. Its own folder is never opened here: that is not safe across processes."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from spine.adapters.chroma_wire import ChromaWire
from spine.errors import NotFoundError
from spine.vector_values import (
    Condition,
    check_entries,
    check_same_model,
    check_texts,
    check_vector,
    checked_name,
    conditions,
)
from spine.vectors_port import Entry, Filter, Metadata, Nearest, Scalar, Vector, VectorCollection

T = TypeVar("T")

_BATCH: Final = 500  # entries per call: a few MB at most, and far below what a server takes
_COSINE: Final = {"hnsw": {"space": "cosine"}}


class ChromaVectors:
    """The collections of the server at `url`. Connections belong to one event loop and end with `close`."""

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        self._wire = ChromaWire(url, timeout=timeout)

    async def open(self, name: str, *, model: str, dimension: int) -> VectorCollection:
        """One call: Chroma leaves what is there as it is and tells what it is."""
        body = {
            "name": checked_name(name),
            "metadata": {"model": model, "dimension": dimension},
            "configuration": _COSINE,
            "get_or_create": True,
        }
        found = _collection(self._wire, await self._wire.call("POST", "/collections", body))
        check_same_model(name, (found.model, found.dimension), (model, dimension))
        return found

    async def find(self, name: str) -> VectorCollection | None:
        try:
            return _collection(self._wire, await self._wire.call("GET", f"/collections/{checked_name(name)}"))
        except NotFoundError:
            return None

    async def names(self, prefix: str = "") -> list[str]:
        found: list[str] = []
        while True:
            page = await self._wire.call("GET", f"/collections?limit={_BATCH}&offset={len(found)}")
            found += [one["name"] for one in page]
            if len(page) < _BATCH:
                return sorted(name for name in found if name.startswith(prefix))

    async def drop(self, name: str) -> None:
        with suppress(NotFoundError):
            await self._wire.call("DELETE", f"/collections/{checked_name(name)}")

    async def ping(self) -> None:
        await self._wire.heartbeat()

    async def close(self) -> None:
        await self._wire.close()


@dataclass(frozen=True, slots=True)
class _ChromaCollection:
    """One collection, by the id that the server gave it. After `drop` every call is a NotFoundError."""

    name: str
    model: str
    dimension: int
    _wire: ChromaWire
    _path: str

    async def upsert(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        check_entries(entries, vectors, self.dimension)
        for part, their_vectors in zip(_parts(entries), _parts(vectors), strict=True):
            await self._put("upsert", _columns(part, await self._metadata(part)), their_vectors)

    async def add(self, entries: Sequence[Entry], vectors: Sequence[Vector]) -> None:
        check_entries(entries, vectors, self.dimension)
        for part, their_vectors in zip(_parts(entries), _parts(vectors), strict=True):
            await self._put("add", _columns(part, {}), their_vectors)

    async def _put(self, how: str, columns: dict[str, Any], vectors: Sequence[Vector]) -> None:
        packed = [_packed(vector) for vector in vectors]
        await self._wire.call("POST", f"{self._path}/{how}", {**columns, "embeddings": packed})

    async def refresh(self, entries: Sequence[Entry]) -> None:
        check_texts(entries)
        for part in _parts(entries):
            held = await self._metadata(part)
            known = [entry for entry in part if entry.id in held]
            if known:
                await self._wire.call("POST", f"{self._path}/update", _columns(known, held))

    async def _metadata(self, entries: Sequence[Entry]) -> dict[str, Metadata]:
        """What is stored of them, by id."""
        held = await self._get([entry.id for entry in entries], None, ["metadatas"])
        return {one: metadata or {} for one, metadata in zip(held["ids"], held["metadatas"], strict=True)}

    async def delete(self, ids: Sequence[str]) -> None:
        for part in _parts(ids):
            await self._wire.call("POST", f"{self._path}/delete", {"ids": list(part)})

    async def count(self) -> int:
        return int(await self._wire.call("GET", f"{self._path}/count"))

    async def id_pages(self, size: int = 2000) -> AsyncIterator[list[str]]:
        offset = 0
        while True:
            body = {"limit": size, "offset": offset, "include": []}
            ids: list[str] = (await self._wire.call("POST", f"{self._path}/get", body))["ids"]
            if ids:
                yield ids
            offset += len(ids)
            if len(ids) < size:
                return

    async def get(self, ids: Sequence[str], where: Filter | None = None) -> list[Entry]:
        wanted = conditions(where)
        if _matches_nothing(wanted):
            return []
        found: dict[str, Entry] = {}
        for part in _parts(ids):
            answer = await self._get(part, _where(wanted), ["metadatas", "documents"])
            columns = zip(answer["ids"], answer["documents"], answer["metadatas"], strict=True)
            found |= {one: _entry(one, text, metadata) for one, text, metadata in columns}
        return [found[one] for one in ids if one in found]

    async def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        for part in _parts(ids):
            answer = await self._get(part, None, ["embeddings"])
            found |= zip(answer["ids"], answer["embeddings"], strict=True)
        return found

    async def query(self, vector: Vector, *, limit: int, where: Filter | None = None) -> list[Nearest]:
        check_vector(vector, self.dimension)
        wanted = conditions(where)
        if _matches_nothing(wanted) or limit < 1:
            return []
        body = {
            "query_embeddings": [vector],
            "n_results": limit,
            "where": _where(wanted),
            "include": ["documents", "metadatas", "distances"],
        }
        answer = await self._wire.call("POST", f"{self._path}/query", body)
        columns = (answer[column][0] for column in ("ids", "documents", "metadatas", "distances"))
        return [
            Nearest(_entry(one, text, metadata), 1.0 - distance)
            for one, text, metadata, distance in zip(*columns, strict=True)
        ]

    async def _get(self, ids: Sequence[str], where: dict[str, Any] | None, include: list[str]) -> dict[str, Any]:
        body = {"ids": list(ids), "where": where, "include": include}
        return await self._wire.call("POST", f"{self._path}/get", body)


def _collection(wire: ChromaWire, told: dict[str, Any]) -> _ChromaCollection:
    metadata: dict[str, Any] = told.get("metadata") or {}
    dimension = int(metadata.get("dimension") or told.get("dimension") or 0)
    model = str(metadata.get("model") or "an unnamed model")
    return _ChromaCollection(told["name"], model, dimension, wire, f"/collections/{told['id']}")


def _entry(id: str, text: str | None, metadata: Metadata | None) -> Entry:
    return Entry(id, text or "", metadata or {})


def _columns(entries: Sequence[Entry], held: Mapping[str, Metadata]) -> dict[str, Any]:
    """The entries as Chroma takes them. It would keep metadata that is stored and not named, so that is set to None."""
    return {
        "ids": [entry.id for entry in entries],
        "documents": [entry.text for entry in entries],
        "metadatas": [{**dict.fromkeys(held.get(entry.id, {})), **entry.metadata} for entry in entries],
    }


def _packed(vector: Vector) -> str:
    """Chroma takes base64 of little-endian float32, a third of the bytes and a tenth of the work of decimals."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _matches_nothing(wanted: Sequence[Condition]) -> bool:
    """Chroma refuses an empty list of alternatives instead of finding nothing."""
    return any(operator == "$in" and not value for _, operator, value in wanted)


def _where(wanted: Sequence[Condition]) -> dict[str, Any] | None:
    """Chroma takes a single condition bare, several under $and, and each key with one operator."""
    said = [{key: {operator: _several(value) if operator == "$in" else value}} for key, operator, value in wanted]
    return said[0] if len(said) == 1 else {"$and": said} if said else None


def _several(values: Iterable[Scalar]) -> list[Scalar]:
    """Chroma takes no list of whole numbers and others; those that are looked for are whole."""
    return [int(value) if isinstance(value, float) else value for value in values]
