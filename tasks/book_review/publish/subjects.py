"""Under which categories and tags an article is filed: chosen from what research and sources name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spine.documents import BOOKS, SUMMARIES
from spine.ports import Documents
from tasks.book_review.writing.text_units import fold

MAX_CATEGORIES = 3
MAX_TAGS = 10
_MOST_WORDS = 5
_LENGTHS = range(2, 51)  # characters
_NO_NAME = re.compile(r"[<>{}\[\]|\\]|://|^\W*\d*\W*$")
_EDGES = " \t\"'“”„«»‘’.,;:!?#*_-–—()"
_OPENED_BY = {")": "(", "”": "“", "“": "„", "»": "«", '"': '"'}


@dataclass(frozen=True, slots=True)
class Subjects:
    """What the book is about: themes by research, topics by the pages that were read, most telling first."""

    themes: Sequence[str] = ()
    topics: Sequence[str] = ()


async def read_subjects(documents: Documents, submission_id: str) -> Subjects:
    """The subjects that a review stored; empty where its stages found none. Topics of more pages come first."""
    book = await documents.get(BOOKS, submission_id) or {}
    insight = book.get("extracted", {}).get("web_research", {}).get("insight", {})
    summaries = await documents.find(SUMMARIES, {"submission_id": submission_id}, sort=[("number", 1)])
    topics = Counter(topic for summary in summaries for topic in summary.get("topics", []))
    return Subjects(insight.get("themes", []), [topic for topic, _ in topics.most_common()])


def categories(subjects: Subjects) -> list[str]:
    """At most three: categories are the site's shelves."""
    return [f"{name[0].upper()}{name[1:]}" for name in _names(subjects.themes)][:MAX_CATEGORIES]


def tags(subjects: Subjects, authors: Sequence[str] = ()) -> list[str]:
    """At most ten, the authors first; what is a category already is no tag."""
    shelves = {fold(name) for name in categories(subjects)}
    candidates = _names([*authors, *subjects.themes, *subjects.topics])
    return [name for name in candidates if fold(name) not in shelves][:MAX_TAGS]


def _names(candidates: Iterable[str]) -> list[str]:
    """Those of the candidates that can be the name of a term, each once, whatever its spelling."""
    named: dict[str, str] = {}
    for candidate in candidates:
        name = _tidied(candidate)
        if len(name) in _LENGTHS and len(name.split()) <= _MOST_WORDS and not _NO_NAME.search(name):
            named.setdefault(fold(name), name)
    return list(named.values())


def _tidied(candidate: str) -> str:
    """Without what models put around a name; the ends of `Dune (series)`, `“Quoted” topic` and `C#` belong to it."""
    text = " ".join(candidate.split())
    name = text.strip(_EDGES)
    before, _, after = text.partition(name) if name else ("", "", "")
    first, last = before[-1:], after[:1]
    if last == "#" or _is_half(name, _OPENED_BY.get(last), last):
        return name + last
    closing = next((one for one, opening in _OPENED_BY.items() if opening == first), None)
    return first + name if _is_half(name, closing, first) else name


def _is_half(name: str, inside: str | None, outside: str) -> bool:
    """Whether the mark beside the name makes a pair with one that stands alone in it."""
    if inside is None:
        return False
    return name.count(inside) % 2 == 1 if inside == outside else name.count(inside) > name.count(outside)
