"""However long a source is, reading it takes the same memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PREPARE = """
import sys
from pathlib import Path
from spine.contracts.personas import SourceReport
from tasks.persona_ingestion.corpus import Corpus
from tasks.persona_ingestion.languages import detect_language
from tasks.persona_ingestion.ledger import Ledger
from tasks.persona_ingestion.reading.kinds import READERS
from tasks.persona_ingestion.sources import find_sources

def peak():
    # Of this program since it was cleared; getrusage gives that of whoever started it where that is larger.
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

detect_language("its model is loaded once and is no part of the measure")
source = find_sources(Path(sys.argv[1]), "works").files[0]
Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
before = peak()
"""
_REPORT = """
print(peak() - before, amount)
"""
_READ = """
with source.open() as file:
    amount = sum(len(getattr(item, "text", "")) for item in READERS[source.kind](file))
"""
_INGEST = """
with Ledger() as ledger:
    given = Corpus("poet", find_sources(source.path.parent.parent, "works"), lambda text: 2 + len(text) // 4, ledger)
    amount = sum(item.chunks for item in given if isinstance(item, SourceReport))
"""

_SHAPES = {"paragraphs": ("txt", "\n\n"), "one line": ("txt", " "), "a page": ("html", "<p>")}


def put_work(folder: Path, shape: str, megabytes: int) -> None:
    kind, end = _SHAPES[shape]
    (folder / "works").mkdir()
    with (folder / f"works/long.{kind}").open("w") as target:
        for number in range(megabytes * 1024):
            words = (f"word{number * 7919 % 50_021}x{place}" for place in range(80))
            target.write(" ".join(words)[: 1024 - len(end)] + end)


def measured(folder: Path, work: str) -> tuple[float, int]:
    """By how many megabytes the peak of the process grew, and how much came out."""
    program = _PREPARE + work + _REPORT
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    kilobytes, amount = map(int, done.stdout.split())
    return kilobytes / 1024, amount


@pytest.mark.parametrize("shape", _SHAPES)
def test_fifty_megabytes_are_read_in_a_bounded_working_set(tmp_path: Path, shape: str) -> None:
    put_work(tmp_path, shape, megabytes=50)
    grown, characters = measured(tmp_path, _READ)
    assert characters > 45_000_000
    assert grown < 12


def test_chunks_of_a_long_work_are_made_in_a_bounded_working_set(tmp_path: Path) -> None:
    put_work(tmp_path, "paragraphs", megabytes=6)
    grown, chunks = measured(tmp_path, _INGEST)
    assert chunks > 6_000
    assert grown < 40  # the ledger keeps 16 MB of its file at hand, the meter 50,000 words
