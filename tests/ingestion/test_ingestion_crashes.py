"""An ingestion is killed with signal 9, at every kind of moment: the collections end up as after a run that was not.

Real processes, each with a real Chroma server of its own that dies with it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from spine.adapters.passages import Passages
from spine.contracts.personas import COLLECTIONS
from spine.settings import Settings
from tasks.retrieval.indexed_collection import collection_name

PERSONA = "poet"
WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "ru", "se") for second in ("den", "fal", "gor", "hin")]


@dataclass
class Home:
    """A home of its own, its persona's folder, and processes that ingest it."""

    path: Path

    @property
    def folder(self) -> Path:
        return self.path / "personas" / PERSONA

    def put(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def ingest(self, point: str = "") -> int | None:
        """How many texts the process embedded; None when it was killed."""
        environment = {**os.environ, "MILLRACE_HOME": str(self.path)}
        argv = [sys.executable, "-m", "tests.ingestion.ingesting_process", PERSONA, point]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
        if point and done.returncode == -9:
            return None
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    async def contents(self) -> dict[str, Any]:
        """Every stored passage with its text, metadata and vector, and what the keyword index holds."""
        passages = Passages(Settings(home=self.path))  # pyright: ignore[reportCallIssue]
        stores = await passages()
        found: dict[str, Any] = {}
        for name in (collection_name(PERSONA, collection) for collection in COLLECTIONS):
            collection = await stores.vectors.find(name)
            assert collection is not None
            ids = sorted([one async for page in collection.id_pages() for one in page])
            vectors = await collection.vectors(ids)
            entries = await collection.get(ids)
            found[name] = [(one.id, one.text, dict(one.metadata), vectors[one.id]) for one in entries]
            found[f"{name} words"] = sorted([one async for one in stores.keywords.ids(name)])
        await passages.close()
        return found


def poem(seed: int, stanzas: int) -> str:
    chance = random.Random(seed)
    lines = [" ".join(chance.choices(WORDS, k=9)) for _ in range(stanzas * 8)]
    return "\n\n".join("\n".join(lines[start : start + 8]) for start in range(0, len(lines), 8))


def fill(home: Home) -> None:
    home.put("profile.md", "# A poet\n\nWrote in words that nobody knows, and was loved for it.")
    home.put("quotes/said.csv", "quote,author\n" + "".join(f"{poem(n, 1).splitlines()[0]},Poet\n" for n in range(40)))
    for number in range(4):
        home.put(f"works/{number}.txt", poem(number, 60))


def edit(home: Home) -> None:
    """A verse changes, a work goes, a work comes, and everything in another one moves by a line."""
    changed = (home.folder / "works/0.txt").read_text().splitlines()
    changed[100] = "a verse that was not here before"
    home.put("works/0.txt", "\n".join(changed))
    home.put("works/3.txt", "A first line\n\n" + (home.folder / "works/3.txt").read_text())
    (home.folder / "works/1.txt").unlink()
    home.put("works/9.txt", poem(9, 40))


@pytest.fixture
def make_home(tmp_path: Path) -> Callable[[str], Home]:
    def make(name: str) -> Home:
        home = Home(tmp_path / name)
        fill(home)
        return home

    return make


@pytest.fixture
async def clean(make_home: Callable[[str], Home]) -> tuple[int, dict[str, Any]]:
    """What a run that nothing disturbs embeds, and what it leaves."""
    home = make_home("clean")
    embedded = home.ingest()
    assert embedded and embedded > 100
    return embedded, await home.contents()


KILLED_AT = [
    pytest.param(("embed 1", "indexed 2", "stored 2"), id="three times"),
    pytest.param(
        ("indexed 1", "embed 2", "embed 5", "stored 1", "indexed 3", "stored 4", "embed 1"),
        id="seven times",
        marks=pytest.mark.chaos,
    ),
]


@pytest.mark.parametrize("points", KILLED_AT)
async def test_after_any_sequence_of_crashes_the_collections_equal_those_of_a_clean_run(
    make_home: Callable[[str], Home], clean: tuple[int, dict[str, Any]], points: tuple[str, ...]
) -> None:
    home = make_home("crashed")
    for point in points:
        assert home.ingest(point) is None, point
    rest = home.ingest()
    embedded, contents = clean
    assert rest is not None and 0 < rest < embedded, "what was stored is not embedded again"
    assert await home.contents() == contents
    assert not _processes_of(home), "no server outlives the process that started it"


@pytest.mark.chaos
async def test_an_edit_that_was_cut_off_ends_as_if_it_were_ingested_at_once(make_home: Callable[[str], Home]) -> None:
    home, clean = make_home("edited"), make_home("clean")
    home.ingest()
    edit(home)
    edit(clean)
    for point in ("indexed 1", "stored 2", "removing"):
        assert home.ingest(point) is None, point
    assert home.ingest() == 0, "all that was new had been stored when the removal was cut off"
    clean.ingest()
    assert await home.contents() == await clean.contents()


def _processes_of(home: Home) -> list[psutil.Process]:
    mine = [one for one in psutil.process_iter(["cmdline"]) if str(home.path) in " ".join(one.info["cmdline"] or [])]
    return psutil.wait_procs(mine, timeout=10)[1]
