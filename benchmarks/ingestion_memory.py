"""How much memory an ingesting process takes while its corpus is read: the curve must be flat.

    .venv/bin/python -m benchmarks.ingestion_memory [--megabytes N] [--minutes N]

A corpus of made-up prose in files of 2 MB is ingested by a process of its own, with the real model, into a real Chroma
server. The process's resident memory is read twice a second; its peak in the first third of the time after the start
is held against that of the last third. The whole measure is 200 MB and 20 minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import psutil

_LIMIT = 600.0  # MB
_FLAT = 1.1
_WARM_UP = 10.0  # seconds in which model and libraries are loaded

_PROGRAM = """
import asyncio, sys
from spine.adapters.passages import Passages
from spine.persona_folders import persona_folder
from spine.settings import settings
from tasks.persona_ingestion.sources import find_sources
from tasks.persona_ingestion.updating import update_from

async def tell(share, result):
    print(f"{share:.4f} {result.embedded}", flush=True)

async def main():
    passages = Passages(settings())
    stores = await passages()
    sources = find_sources(persona_folder(settings().personas_dir, "bench"), "works")
    await update_from("bench", "works", sources, stores, tell)
    await passages.close()

asyncio.run(main())
"""


def write_corpus(folder: Path, megabytes: int) -> None:
    """Prose whose words follow a natural distribution, so that tokens, words and duplicates cost what they cost."""
    chance, folder = Random(1), folder / "works"
    folder.mkdir(parents=True)
    words = [f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(30_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    for number in range((megabytes + 1) // 2):
        said = chance.choices(words, weights, k=2_000_000 // 6)
        paragraphs = (" ".join(said[start : start + 120]) + "." for start in range(0, len(said), 120))
        (folder / f"{number:05}.txt").write_text("\n\n".join(paragraphs))


def watch(process: subprocess.Popen[str], minutes: float) -> list[tuple[float, float]]:
    """(seconds, MB) until the process ends or the time is over."""
    seen: list[tuple[float, float]] = []
    began, told = time.monotonic(), psutil.Process(process.pid)
    while process.poll() is None and (elapsed := time.monotonic() - began) < minutes * 60:
        seen.append((elapsed, told.memory_info().rss / 2**20))
        time.sleep(0.5)
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=2.0)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-", ignore_cleanup_errors=True) as home:
        write_corpus(Path(home) / "personas" / "bench", options.megabytes)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MILLRACE_")}
        with (Path(home) / "told.txt").open("w+") as told:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM], env={**kept, "MILLRACE_HOME": home}, stdout=told, text=True
            )
            seen = watch(process, options.minutes)
            process.kill()
            process.wait()
            told.seek(0)
            share, embedded = (told.read().splitlines() or ["0 0"])[-1].split()
    return _verdict(seen, options.megabytes, float(share), int(embedded))


def _verdict(seen: list[tuple[float, float]], megabytes: int, share: float, embedded: int) -> int:
    after = [size for elapsed, size in seen if elapsed > _WARM_UP] or [size for _, size in seen]
    third = max(1, len(after) // 3)
    first, last, peak = max(after[:third]), max(after[-third:]), max(size for _, size in seen)
    print(f"{embedded:,} chunks, {megabytes * share:.1f} of {megabytes} MB in {seen[-1][0] / 60:.1f} minutes")
    print(f"peak {peak:.0f} MB (limit {_LIMIT:.0f}); first third {first:.0f} MB, last third {last:.0f} MB")
    return 0 if peak <= _LIMIT and last <= first * _FLAT else 1


if __name__ == "__main__":
    sys.exit(main())
