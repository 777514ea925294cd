"""How often search finds the poem that a quotation with one wrong word is from.

    .venv/bin/python -m benchmarks.quotation_recall [--quotations N] [--seed N]

The poems are Eminescu's and Poe's from shared/data/persona, cut into chunks as an ingestion cuts them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_least
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.fts_keywords import FtsKeywords
from spine.adapters.minilm_embedder import MiniLmEmbedder
from spine.contracts.personas import Chunk
from spine.contracts.retrieval import SearchHit
from spine.testing.chroma_server import chroma_server
from spine.vectors_port import Entry
from spine.words import words
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.sources import find_sources
from tasks.retrieval.ahead import batches
from tasks.retrieval.embedding import BATCH, embed_and_store
from tasks.retrieval.indexed_collection import IndexedCollection, collection_name
from tasks.retrieval.search import HybridSearch

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PERSONA = "poets"
TARGET = 0.95
FIGURES = (Figure("quotation with one wrong word", "its poem among the first three", "", at_least(TARGET)),)
_PROSE = ("MEMOIR", "PREFACE")  # Poe's file begins with what others wrote about him


@dataclass(frozen=True, slots=True)
class Quotation:
    """8 to 12 words in a row of `chunk`, one of them replaced."""

    text: str
    true_words: str
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Recall:
    """Shares of quotations whose poem came first, and among the first three."""

    first: float
    top_three: float
    missed: list[Quotation]


def poem_files(data: Path) -> list[Path]:
    return [*sorted((data / "persona" / "eminescu" / "works").glob("*.txt")), *(data / "persona" / "poe").glob("*.txt")]


def poems(files: Iterable[Path], folder: Path, embedder: MiniLmEmbedder) -> list[Chunk]:
    """The chunks of the files, copied to `folder` as the works of one persona."""
    works = folder.resolve() / "works"
    works.mkdir(parents=True)
    for file in files:
        shutil.copy(file, works / file.name)
    with Ledger() as ledger:
        corpus = Corpus(PERSONA, find_sources(works.parent, "works"), embedder.count_tokens, ledger)
        return [found for found in corpus if isinstance(found, Chunk)]


def quotations(chunks: Sequence[Chunk], number: int, seed: int) -> Iterator[Quotation]:
    """Drawn at random; each word of the poems is as likely as another to be the wrong one."""
    chance = random.Random(seed)
    verse = [chunk for chunk in chunks if len(chunk.text.split()) >= 12 and not chunk.section.startswith(_PROSE)]
    vocabulary = [word for chunk in verse for word in chunk.text.split()]
    for chunk in chance.choices(verse, k=number):
        said, length = chunk.text.split(), chance.randint(8, 12)
        start = chance.randrange(len(said) - length + 1)
        quoted = said[start : start + length]
        true_words = " ".join(words(" ".join(quoted)))
        quoted[chance.randrange(length)] = chance.choice(vocabulary)
        yield Quotation(" ".join(quoted), true_words, chunk)


def is_source(hit: SearchHit, quotation: Quotation) -> bool:
    """The same poem, or a poem that holds the very words: refrains do, and poems that are saved twice."""
    same = (hit.work, hit.section) == (quotation.chunk.work, quotation.chunk.section)
    return same or quotation.true_words in " ".join(words(hit.text))


async def measure(search: HybridSearch, drawn: Sequence[Quotation]) -> Recall:
    missed: list[Quotation] = []
    first = 0
    for quotation in drawn:
        hits = await search.search(quotation.text, {"works": collection_name(PERSONA, "works")}, limit=3)
        places = [is_source(hit, quotation) for hit in hits]
        first += places[:1] == [True]
        if not any(places):
            missed.append(quotation)
    return Recall(first / len(drawn), 1 - len(missed) / len(drawn), missed)


async def fill(search: HybridSearch, chunks: Iterable[Chunk]) -> None:
    """Embed and store the chunks."""
    name, embedder = collection_name(PERSONA, "works"), search.embedder
    vectors = await search.vectors.open(name, model=embedder.name, dimension=embedder.dimension)
    entries = (Entry(chunk.id, chunk.text, chunk.metadata()) for chunk in chunks)
    await embed_and_store(batches(entries, BATCH), embedder, IndexedCollection(vectors, search.keywords))


async def run(number: int, seed: int, folder: Path) -> Recall:
    embedder = MiniLmEmbedder(folder / "models")
    keywords = FtsKeywords(folder / "keywords.sqlite3")
    with chroma_server(folder / "chroma") as url:
        search = HybridSearch(embedder, ChromaVectors(url), keywords)
        chunks = poems(poem_files(SHARED_DATA), folder / "persona", embedder)
        await fill(search, chunks)
        found = await measure(search, list(quotations(chunks, number, seed)))
        await search.vectors.close()
    await embedder.close()
    await keywords.close()
    return found


def bench(effort: Effort) -> Outcome:
    if not poem_files(SHARED_DATA):
        return Outcome(missing={FIGURES[0].name: "the poems are not beside the project"})
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = asyncio.run(run(effort.size(200, 40), seed=1, folder=Path(folder)))
    return Outcome({FIGURES[0].name: found.top_three}, notes=[Note("its poem first", found.first, "")])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quotations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not poem_files(SHARED_DATA):
        print("skipped: the folder shared/data/persona is not beside the project")
        return 0
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = asyncio.run(run(options.quotations, options.seed, Path(folder)))
    for quotation in found.missed:
        print(f"missed: {quotation.text!r} of {quotation.chunk.work} {quotation.chunk.section}")
    print(f"the poem came first for {found.first:.1%}, among three for {found.top_three:.1%} (target {TARGET:.0%})")
    return 0 if found.top_three >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
