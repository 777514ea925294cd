"""How long each entry point takes to be ready to work: everything imported, nothing opened.

Each is a fresh process; an empty Python process is taken off, so that what is left is ours. The bare libraries below
that an entry point cannot do without stand beside it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_most

_ENTRY_POINTS = {
    "millrace --help": ["-m", "deployments.cli", "--help"],
    "millrace status, its modules": ["-c", "import deployments.cli, deployments.stack.status"],
    "the gateway": ["-c", "import deployments.gateway_process"],
    "a lane": ["-c", "import deployments.lane_process, flows.book_review"],
    "the Python call: from flows.book_review import book_review": ["-c", "import flows.book_review"],
    "the supervisor": ["-c", "import deployments.cli.bring_up"],
}
_LIBRARIES = {"prefect": ["-c", "import prefect"], "fastapi": ["-c", "import fastapi"]}

FIGURES = (Figure("start-up", "import time of millrace --help", "s", at_most(1.0)),)


def bench(effort: Effort) -> Outcome:
    empty = _seconds(["-c", ""], effort.reps)
    notes = [
        Note(f"import time of {name}", _seconds(words, effort.reps) - empty, "s") for name, words in _all().items()
    ]
    return Outcome({FIGURES[0].name: notes[0].value}, notes=[*notes, Note("empty Python process", empty, "s")])


def _all() -> dict[str, list[str]]:
    return _ENTRY_POINTS | {f"{name} alone": words for name, words in _LIBRARIES.items()}


def _seconds(words: list[str], reps: int) -> float:
    return median(_once(words) for _ in range(reps))


def _once(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
