"""Saves the collections of a vector store as lines of JSON, and fills a store from them.

The server is asked for what it holds: its files are its own business, and change with its version.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import orjson

from spine.errors import InvalidInputError
from spine.vectors_port import Entry, Vector, VectorCollection, VectorStore

_BATCH: Final = 500
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


async def save_vectors(store: VectorStore, folder: Path) -> int:
    """Write a file for each collection: a line that describes it, a line for each entry. How many entries."""
    saved = 0
    for number, name in enumerate(await store.names()):
        collection = await store.find(name)
        if collection is None:  # dropped since it was listed
            continue
        with (folder / f"{number:05d}-{_UNSAFE.sub('_', name)}.jsonl").open("wb") as file:
            _line(file, {"name": name, "model": collection.model, "dimension": collection.dimension})
            saved += await _save_entries(collection, file)
    return saved


async def _save_entries(collection: VectorCollection, file: BinaryIO) -> int:
    seen: set[str] = set()
    async for ids in collection.id_pages(_BATCH):
        fresh = [one for one in ids if one not in seen]
        seen.update(fresh)
        vectors = await collection.vectors(fresh)
        for entry in await collection.get(fresh):
            if entry.id in vectors:
                _line(file, _packed(entry, vectors[entry.id]))
    return len(seen)


def _line(file: BinaryIO, value: dict[str, Any]) -> None:
    file.write(orjson.dumps(value) + b"\n")


def _packed(entry: Entry, vector: Vector) -> dict[str, Any]:
    """The vector as base64 of little-endian float32, which is what the server keeps and a third of the decimals."""
    bits = base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
    return {"id": entry.id, "text": entry.text, "metadata": dict(entry.metadata), "vector": bits}


async def load_vectors(store: VectorStore, folder: Path) -> int:
    """Fill the store from what `save_vectors` wrote; how many entries. Repeating it changes nothing.

    `InvalidInputError` for a file that is not of that form.
    """
    return sum([await _load_collection(store, path) for path in await asyncio.to_thread(_files, folder)])


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


async def _load_collection(store: VectorStore, path: Path) -> int:
    loaded = 0
    with path.open("rb") as file:
        try:
            told = orjson.loads(file.readline())
            collection = await store.open(told["name"], model=told["model"], dimension=told["dimension"])
            while lines := list(islice(file, _BATCH)):
                await _load(collection, [orjson.loads(line) for line in lines])
                loaded += len(lines)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(f"{path.name} does not hold a collection of vectors.") from error
    return loaded


async def _load(collection: VectorCollection, saved: Sequence[dict[str, Any]]) -> None:
    entries = [Entry(one["id"], one["text"], one["metadata"]) for one in saved]
    vectors = [np.frombuffer(base64.b64decode(one["vector"]), dtype="<f4").tolist() for one in saved]
    await collection.upsert(entries, vectors)
