"""Main-text F1 on saved news and blog pages: ours beside plain trafilatura, in one run.

    .venv/bin/python -m benchmarks.main_text_f1

The measure is that of the article-extraction-benchmark: multisets of four-word shingles, precision and
recall of each page averaged over the pages, F1 of the averages.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import trafilatura

from benchmarks.frame.figures import Effort, Figure, Note, Outcome, at_least
from tasks.book_review.main_text import extract_main_text

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_FOLDER = Path("extraction", "aeb")
_SHINGLE = 4
_TOKEN = re.compile(r"\w+")

FIGURES = (Figure("main text of saved pages", "F1", "", at_least(0.96)),)


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """A saved page and the text a person found in it."""

    url: str
    html: bytes
    truth: str


@dataclass(frozen=True, slots=True)
class Score:
    """Averages over pages; seconds is the mean per page."""

    f1: float
    precision: float
    recall: float
    seconds: float


CONTENDERS: dict[str, Callable[[LabelledPage], str]] = {
    "millrace": lambda page: extract_main_text(page.html, page.url).text,
    "trafilatura": lambda page: trafilatura.extract(page.html, include_comments=False) or "",
    "trafilatura (as it comes)": lambda page: trafilatura.extract(page.html) or "",
}


def load_pages(data: Path) -> list[LabelledPage]:
    """The pages that are there, in the order of their names."""
    truths: dict[str, dict[str, str]] = json.loads((data / _FOLDER / "ground-truth.json").read_text())
    files = {name: data / _FOLDER / f"{name}.html.gz" for name in sorted(truths)}
    return [
        LabelledPage(truths[name]["url"], gzip.decompress(file.read_bytes()), truths[name]["articleBody"])
        for name, file in files.items()
        if file.exists()
    ]


def score(pages: Sequence[LabelledPage], extract: Callable[[LabelledPage], str]) -> Score:
    """Run `extract` on every page and hold the texts against the truth."""
    began = time.perf_counter()
    texts = [extract(page) for page in pages]
    seconds = (time.perf_counter() - began) / len(pages)
    shares = [precision_and_recall(page.truth, text) for page, text in zip(pages, texts, strict=True)]
    precision = statistics.mean(share for share, _ in shares if share is not None)
    recall = statistics.mean(share for _, share in shares if share is not None)
    both = precision + recall
    return Score(2 * precision * recall / both if both else 0.0, precision, recall, seconds)


def precision_and_recall(truth: str, found: str) -> tuple[float | None, float | None]:
    """Shares of shingles; None where there is nothing to divide by, and the page does not count for it."""
    wanted, got = _shingles(truth), _shingles(found)
    shared = (wanted & got).total()
    return (shared / got.total() if got else None, shared / wanted.total() if wanted else None)


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    return Counter(tuple(tokens[at : at + _SHINGLE]) for at in range(max(1, len(tokens) - _SHINGLE + 1)) if tokens)


def bench(effort: Effort) -> Outcome:
    if not (SHARED_DATA / _FOLDER).is_dir():
        return Outcome(missing={FIGURES[0].name: "the published pages are not beside the project"})
    pages = load_pages(SHARED_DATA)
    scores = {name: score(pages, extract) for name, extract in CONTENDERS.items()}
    return Outcome({FIGURES[0].name: scores["millrace"].f1}, notes=list(_notes(scores)))


def _notes(scores: Mapping[str, Score]) -> Iterator[Note]:
    for name, found in scores.items():
        yield Note(f"F1: {name}", found.f1, "")
        yield Note(f"a page: {name}", 1000 * found.seconds, "ms")


def main() -> int:
    if not (SHARED_DATA / _FOLDER).is_dir():
        print("skipped: the saved pages are not here (shared/data/extraction/aeb beside the project)")
        return 0
    pages = load_pages(SHARED_DATA)
    print(f"{len(pages)} pages{'':<21}F1      P       R   ms/page")
    for name, extract in CONTENDERS.items():
        found = score(pages, extract)
        print(f"{name:<26} {found.f1:.4f}  {found.precision:.4f}  {found.recall:.4f}  {1000 * found.seconds:5.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
