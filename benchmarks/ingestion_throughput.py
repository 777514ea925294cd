"""Chunks per second of the whole flow, beside embedding the same chunks and doing nothing else, in one run.

    .venv/bin/python -m benchmarks.ingestion_throughput [--passages N] [--rounds N]

The flow is the one that a stack runs: a job for the ingestion and one for each collection, source files read and cut,
duplicates looked for, progress told, everything stored in Chroma and the keyword index and the counts compared. It
runs under Prefect's own server with documents in SQLite. In each round, of another persona, it stands between the two
halves of the raw embedding. Beside the clock's ratio stands that of processor time, this process and its children
together: on a machine that does other work meanwhile it is the one to look at.

Raw embedding is Millrace's own, which leaves nothing to gain but what surrounds it: the flow's share is what reading,
Chroma and the keyword index cost. So the flow stands beside a second one too, that of the prototype that the target
was measured with.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.embedding_throughput import Cost, Round, beside_raw, cost, texts
from benchmarks.frame.figures import RATIO, Effort, Figure, Note, Outcome, at_least
from benchmarks.peers.padded_embedding import NOT_THERE, padded_embedding
from deployments.collector import set_aside_what_is_loaded
from spine.contracts.personas import Chunk
from spine.vectors_port import Embedder
from tasks.persona_ingestion.chunking import ChunkSize
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.sources import find_sources

_TARGET = 0.95

_FLOW = "ingestion, the whole flow"
FIGURES = (
    Figure(_FLOW, "chunks/s ÷ raw embedding", RATIO, at_least(_TARGET)),
    Figure(_FLOW, "chunks/s ÷ raw embedding of the prototype", RATIO, at_least(_TARGET)),
)
_PER_WORK = 64  # passages
_PROTOTYPE_CHUNKS = 512  # of each round, at most: it takes twice the time


@dataclass(frozen=True, slots=True)
class Ingested(Round):
    """A round of all three."""

    prototype: Cost | None


def write_works(folder: Path, passages: int) -> None:
    """Works of so many passages of 200 words; each becomes two or three chunks."""
    (folder / "works").mkdir(parents=True)
    said = texts()
    for number in range(0, passages, _PER_WORK):
        (folder / "works" / f"{number:06}.txt").write_text("\n\n".join(islice(said, _PER_WORK)))


def chunks_of(folder: Path, embedder: Embedder) -> list[str]:
    """The texts that an ingestion of the folder embeds."""
    size = ChunkSize.within(embedder.max_tokens)
    with Ledger() as ledger:
        corpus = Corpus("bench", find_sources(folder, "works"), embedder.count_tokens, ledger, size)
        return [found.text for found in corpus if isinstance(found, Chunk)]


async def measure(home: Path, amount: int, rounds: int) -> list[Ingested]:
    from flows.persona_ingestion import persona_ingestion
    from spine.services import open_services

    found: list[Ingested] = []
    prototype = padded_embedding(home)
    async with open_services() as services:
        embedder = (await services.passages()).embedder
        write_works(home / "personas" / "bench-0", 64)
        await persona_ingestion(persona_id="bench-0", collections=["works"])  # warms up and does not count
        set_aside_what_is_loaded()  # as the lane that runs it has done
        for number in range(1, rounds + 1):
            persona = f"bench-{number}"
            write_works(home / "personas" / persona, amount)
            passages = chunks_of(home / "personas" / persona, embedder)
            flow = partial(persona_ingestion, persona_id=persona, collections=["works"])
            both = await beside_raw(embedder, passages, flow)
            padded = await _of_prototype(prototype, passages[:_PROTOTYPE_CHUNKS]) if prototype else None
            found.append(Ingested(both.raw, both.stored, padded))
            beside = f"{_told(padded)} prototype" if padded else NOT_THERE
            told = f"{_told(both.raw)} raw  {_told(both.stored)} whole flow  {beside}"
            print(f"round {number}: {len(passages)} chunks  {told}", flush=True)
    return found


async def _of_prototype(embed: Callable[[Sequence[str]], object], passages: Sequence[str]) -> Cost:
    embed(passages[:1])  # loads it
    return await cost(len(passages), lambda: asyncio.to_thread(embed, passages))


def _told(one: Cost) -> str:
    return f"{1 / one.clock:6.1f}/s, {one.work * 1000:5.1f} ms of processors"


def bench(effort: Effort) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = _measured(Path(folder), effort.size(1024, 128), effort.reps)
    notes = [
        Note("by processor time", median(each.raw.work / each.stored.work for each in found), RATIO),
        Note("raw embedding", median(1 / each.raw.clock for each in found), "chunks/s"),
        Note("the whole flow", median(1 / each.stored.clock for each in found), "chunks/s"),
    ]
    own = median(each.raw.clock / each.stored.clock for each in found)
    padded = [(each.prototype, each.stored) for each in found if each.prototype]
    if not padded:
        return Outcome({FIGURES[0].name: own}, {FIGURES[1].name: NOT_THERE}, notes)
    notes.append(Note("raw embedding of the prototype", median(1 / raw.clock for raw, _ in padded), "chunks/s"))
    return Outcome(
        {FIGURES[0].name: own, FIGURES[1].name: median(raw.clock / stored.clock for raw, stored in padded)}, notes=notes
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=512, help="of 200 words, written for each round")
    parser.add_argument("--rounds", type=int, default=3)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        found = _measured(Path(folder), options.passages, options.rounds)
    ratio = median(each.raw.clock for each in found) / median(each.stored.clock for each in found)
    by_work = median(each.raw.work for each in found) / median(each.stored.work for each in found)
    print(f"whole flow / raw: {ratio:.3f} by the clock, {by_work:.3f} by processor time (target {_TARGET})")
    return 0 if ratio >= _TARGET else 1


def _measured(home: Path, amount: int, rounds: int) -> list[Ingested]:
    """In a home of its own, whatever stack the shell knows of."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILLRACE_", "PREFECT_"))}
    own = {"MILLRACE_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "ERROR"}
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({**kept, **own})
    try:
        from prefect.testing.utilities import prefect_test_harness

        from spine.settings import settings

        settings.cache_clear()
        logging.getLogger("prefect").setLevel(logging.ERROR)
        with prefect_test_harness(server_startup_timeout=120):
            return asyncio.run(measure(home, amount, rounds))
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main())
