"""Chunks per second: embedding alone beside the whole way into the store, in one run.

    .venv/bin/python -m benchmarks.embedding_throughput [--chunks N] [--rounds N]

Both ways embed the same chunks with the same model and threads, turn about in rounds of equal size. The whole way
takes entries one by one, embeds, and writes to a real Chroma server and to the keyword index, all on this machine.
Beside the clock's ratio stands that of processor time, this process and the server together: on a machine that does
other work meanwhile it is the one to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median as _median

import psutil

from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least
from deployments.collector import set_aside_what_is_loaded
from spine.adapters.chroma_vectors import ChromaVectors
from spine.adapters.fts_keywords import FtsKeywords
from spine.adapters.minilm_embedder import MiniLmEmbedder
from spine.testing.chroma_server import chroma_server
from spine.vectors_port import Embedder, Entry
from tasks.retrieval.ahead import batches
from tasks.retrieval.embedding import BATCH, embed_and_store
from tasks.retrieval.indexed_collection import IndexedCollection

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_WORDS = 200
_TARGET = 0.95

FIGURES = (Figure("embedding and storing", "chunks/s ÷ raw embedding", RATIO, at_least(_TARGET)),)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds for one chunk: by the clock, and of all processors together."""

    clock: float
    work: float


@dataclass(frozen=True, slots=True)
class Round:
    """What a chunk costs either way."""

    raw: Cost
    stored: Cost


def texts() -> Iterator[str]:
    """Passages of 200 words, without end: Poe and Eminescu where they are at hand, made-up words elsewhere."""
    files = sorted((SHARED_DATA / "persona").rglob("*.txt"))
    words = [word for file in files for word in file.read_text("utf-8", "replace").split()]
    words = words or [f"{syllable}{n % 97}" for n in range(20_000) for syllable in ("ka", "lo", "mi")]
    for start in cycle(range(0, len(words) - _WORDS, _WORDS)):
        yield " ".join(words[start : start + _WORDS])


def entries(passages: Iterable[str], first: int) -> Iterator[Entry]:
    for number, text in enumerate(passages, start=first):
        metadata = {"work": f"work {number // 50}", "section": "", "start": number * 1200, "language": "en"}
        yield Entry(f"{number:032x}", text, metadata)


async def cost(chunks: int, work: Callable[[], Awaitable[object]]) -> Cost:
    clock, busy = time.perf_counter(), _processor_seconds()
    await work()
    return Cost((time.perf_counter() - clock) / chunks, (_processor_seconds() - busy) / chunks)


def _processor_seconds() -> float:
    """Used so far by this process and its children."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)


async def beside_raw(embedder: Embedder, passages: list[str], work: Callable[[], Awaitable[object]]) -> Round:
    """`work`, which embeds these passages and more, between the two halves of embedding them and nothing else: a
    machine that becomes slower or faster meanwhile does so for both."""
    half = len(passages) // 2
    first, second = passages[:half], passages[half:]
    before = await cost(len(first), lambda: embed_only(embedder, first))
    stored = await cost(len(passages), work)
    after = await cost(len(second), lambda: embed_only(embedder, second))
    raw = (
        (len(first) * one + len(second) * other) / len(passages)
        for one, other in ((before.clock, after.clock), (before.work, after.work))
    )
    return Round(Cost(*raw), stored)


async def embed_only(embedder: Embedder, passages: list[str]) -> None:
    for start in range(0, len(passages), BATCH):
        await embedder.embed(passages[start : start + BATCH])


async def measure(chunks: int, rounds: int, folder: Path) -> list[Round]:
    """The rounds, after one that warms up and does not count."""
    embedder, keywords = MiniLmEmbedder(folder / "models"), FtsKeywords(folder / "keywords.sqlite3")
    passages = list(islice(texts(), chunks))
    found: list[Round] = []
    with chroma_server(folder / "chroma") as url:
        store = ChromaVectors(url)
        vectors = await store.open("benchmark", model=embedder.name, dimension=embedder.dimension)
        collection = IndexedCollection(vectors, keywords)
        await embedder.embed(passages[:32])
        set_aside_what_is_loaded()  # as a lane does
        for number in range(rounds):
            incoming = batches(entries(passages, number * chunks), BATCH)
            found.append(await beside_raw(embedder, passages, partial(embed_and_store, incoming, embedder, collection)))
            raw, stored = found[-1].raw, found[-1].stored
            rates = f"{1 / raw.clock:6.1f}/s raw  {1 / stored.clock:6.1f}/s stored"
            busy = f"{raw.work * 1000:5.1f} ms raw  {stored.work * 1000:5.1f} ms stored"
            print(f"round {number + 1}: {rates}   processors: {busy}", flush=True)
        await store.close()
    await embedder.close()
    await keywords.close()
    return found


def bench(effort: Effort) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = asyncio.run(measure(effort.size(1024, 128), effort.reps, Path(folder)))
    notes = [
        Note("by processor time", _median(each.raw.work / each.stored.work for each in found), RATIO),
        Note("raw embedding", _median(1 / each.raw.clock for each in found), "chunks/s"),
        Note("embedding and storing", _median(1 / each.stored.clock for each in found), "chunks/s"),
    ]
    return Outcome({FIGURES[0].name: _median(each.raw.clock / each.stored.clock for each in found)}, notes=notes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1024, help="of each round")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = asyncio.run(measure(options.chunks, options.rounds, Path(folder)))
    ratio = _median(each.raw.clock for each in found) / _median(each.stored.clock for each in found)
    by_work = _median(each.raw.work for each in found) / _median(each.stored.work for each in found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"whole way / raw: {ratio:.3f} by the clock, {by_work:.3f} by processor time (target {_TARGET})")
    print(f"peak memory of this process: {peak} MB")
    return 0 if ratio >= _TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
