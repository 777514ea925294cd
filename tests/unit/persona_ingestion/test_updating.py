"""A collection is brought in step with its sources, and the stores are asked no more than that takes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from spine.contracts.ingestion import CollectionResult
from spine.contracts.personas import Chunk, SourceReport
from spine.passages_port import PassageStores
from spine.testing.hashing_embedder import HashingEmbedder
from spine.testing.memory_keywords import MemoryKeywords
from spine.testing.memory_vectors import MemoryVectors
from spine.vectors_port import Entry, Filter, VectorCollection
from tasks.persona_ingestion import updating
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.sources import find_sources
from tasks.persona_ingestion.updating import Reading, update_from

NAME = "persona.poe.works"


@pytest.fixture
def stores() -> PassageStores:
    return PassageStores(HashingEmbedder(), MemoryVectors(), MemoryKeywords())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "works").mkdir()
    for work in range(3):
        said = (f"Passage {n} of work {work} tells of {n * 7 + work} ravens." for n in range(300))
        (tmp_path / "works" / f"{work}.txt").write_text("\n\n".join(said))
    return tmp_path


async def update(folder: Path, stores: PassageStores) -> tuple[CollectionResult, list[float]]:
    """What came of it, and the shares that were told."""
    told: list[float] = []

    async def tell(share: float, result: CollectionResult) -> None:
        told.append(share)

    return await update_from("poe", "works", find_sources(folder, "works"), stores, tell), told


async def opened(stores: PassageStores) -> VectorCollection:
    return await stores.vectors.open(NAME, model=stores.embedder.name, dimension=stores.embedder.dimension)


async def test_a_new_collection_is_neither_looked_up_nor_listed_again(
    folder: Path, stores: PassageStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, asked = await opened(stores), list[str]()
    get, id_pages = collection.get, collection.id_pages

    async def watched_get(ids: Sequence[str], where: Filter | None = None) -> list[Entry]:
        asked.append("get")
        return await get(ids, where)

    def watched_pages(size: int = 2000) -> AsyncIterator[list[str]]:
        asked.append("ids")
        return id_pages(size)

    monkeypatch.setattr(collection, "get", watched_get)
    monkeypatch.setattr(collection, "id_pages", watched_pages)
    result, _ = await update(folder, stores)
    assert result.embedded == result.total_vectors == await collection.count() > 0
    assert asked == ["ids"]  # to see whether its words are all there


async def test_the_share_that_is_told_grows_to_the_whole(folder: Path, stores: PassageStores) -> None:
    _, told = await update(folder, stores)
    assert told == sorted(told)
    assert told[0] < 1 == told[-1]


async def test_what_no_file_gives_any_more_goes_and_the_rest_is_kept(folder: Path, stores: PassageStores) -> None:
    first, _ = await update(folder, stores)
    (folder / "works" / "1.txt").unlink()
    second, _ = await update(folder, stores)
    assert second.removed == first.sources[1].stored
    assert second.kept == second.total_vectors == first.total_vectors - second.removed
    assert await (await opened(stores)).count() == second.total_vectors


@pytest.mark.parametrize("change", ["the file", "the title", "the folder"])
async def test_what_only_has_another_name_keeps_its_vectors_and_the_rest_is_as_in_a_clean_run(
    tmp_path: Path, stores: PassageStores, change: str
) -> None:
    work = tmp_path / "works" / "early" / "a.txt"
    work.parent.mkdir(parents=True)
    body = "\n\n".join(f"Passage {n} tells of {n * 7} ravens and of what they said." for n in range(200))
    work.write_text(f"THE RAVENS\n\n\n{body}")
    first, _ = await update(tmp_path, stores)
    if change == "the title":
        work.write_text(f"THE MANY RAVENS\n\n\n{body}")
    elif change == "the file":
        work.rename(work.with_name("b.txt"))
    else:
        work.parent.rename(tmp_path / "works" / "late")
    second, _ = await update(tmp_path, stores)
    embedded = 1 if change == "the title" else 0  # the chunk that holds it has another text
    assert (second.embedded, second.removed, second.kept) == (embedded, embedded, 0)
    assert second.refreshed + embedded == second.total_vectors == first.stored
    clean = PassageStores(HashingEmbedder(), MemoryVectors(), MemoryKeywords())
    await update(tmp_path, clean)
    ids = [one async for page in (await opened(clean)).id_pages() for one in page]
    assert await (await opened(stores)).get(ids) == await (await opened(clean)).get(ids)


class DeepInAFile:
    """A corpus whose only item takes until `read` is set."""

    def __init__(self) -> None:
        self.begun, self.read, self.ledger = Event(), Event(), Ledger()
        self.progress = 0.0

    def __iter__(self) -> Iterator[Chunk | SourceReport]:
        self.begun.set()
        assert self.read.wait(30)
        self.ledger.admit("one", "hash", "a passage")  # of use to nobody any more, and must not fail
        yield from ()


async def test_a_cancel_does_not_wait_for_a_large_file_and_its_reader_closes_the_ledger_when_it_is_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(updating, "_LAST_PASSAGE", 0.01)
    corpus = DeepInAFile()
    read = Reading(cast(Corpus, corpus))
    reader = asyncio.create_task(asyncio.to_thread(lambda: list(read)))
    await asyncio.to_thread(corpus.begun.wait, 30)
    await read.close()
    assert not reader.done()
    corpus.read.set()
    assert await reader == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        len(corpus.ledger.wanted(["one"]))
    assert list(read) == []
