"""What a job came to, in one line: what its pipeline counts, or why it failed; and what it could not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from spine.terminal_text import plain_text

_MOST_PLACES: Final = 10

Job = dict[str, Any]
Result = dict[str, Any]


def verdict(job: Job) -> str:
    """`job_… succeeded: Emma (812 words)`, or in which step it ended and why."""
    if job["status"] != "SUCCESS":
        error = job.get("error") or {}
        step = f" in {error['step']}" if error.get("step") else ""
        return f"{job['job_id']} ended as {job['status']}{step}: {error.get('message', 'no reason was recorded')}"
    result: Result = job.get("result") or {}
    told = next((tell(result) for mark, tell in _TELLERS.items() if mark in result), "succeeded")
    return f"{job['job_id']} {told}"


def ingested(result: Result) -> str:
    """`poe: 812 passages (works 700, 12 new; quotes 112), 3 places left out`."""
    parts = [
        f"{name} {one['total_vectors']:,}" + (f", {one['embedded']:,} new" if one["embedded"] else "")
        for name, one in result["collections"].items()
    ]
    told = f"{result['persona_id']}: {result['total_vectors']:,} passages ({'; '.join(parts)})"
    return told + (f", {result['left_out_total']:,} places left out" if result["left_out_total"] else "")


def left_out(job: Job) -> list[str]:
    """The first places that an ingestion could not take, each in a line with the reason, and the number of others."""
    result: Result = job.get("result") or {}
    collections: dict[str, Result] = result.get("collections") or {}
    places = [place for one in collections.values() for place in one.get("left_out") or ()]
    named = [f"left out: {_place(place)}: {place['reason']}" for place in places[:_MOST_PLACES]]
    others = result.get("left_out_total", 0) - len(named) if collections else 0
    more = [f"and {others:,} more; `millrace watch {job['job_id']} --json` and the persona's page name them"]
    return [" ".join(plain_text(line).split()) for line in named + (more if others > 0 else [])]


def _place(place: dict[str, Any]) -> str:
    within = f" line {place['line']}" if place.get("line") else ""
    return f"{place['file']}{within}" + (f" {place['part']}" if place.get("part") else "")


def _card(result: Result) -> str:
    return f"succeeded: card {result['card_id']} is DONE. {result['verification']['note']}".strip()


def _backlog(result: Result) -> str:
    return f"finished {result['total']} cards: {_counts(result, 'done', 'failed', 'blocked')}"


def _batch(result: Result) -> str:
    reviews = "review" if result["total"] == 1 else "reviews"
    return f"finished {result['total']} {reviews}: {_counts(result, 'succeeded', 'failed', 'cancelled', 'refused')}"


def _persona(result: Result) -> str:
    return f"ingested {ingested(result)}"


def _article(result: Result) -> str:
    return f"succeeded: {result['title']} ({result['word_count']} words)"


def _post(result: Result) -> str:
    return f"succeeded: the post is at {result['url']}"


def _counts(result: Result, *names: str) -> str:
    return ", ".join(f"{result[name]} {name}" for name in names)


_TELLERS: dict[str, Callable[[Result], str]] = {
    "verification": _card,
    "blocked": _backlog,
    "batch_id": _batch,
    "collections": _persona,
    "post_id": _post,
    "word_count": _article,
}
"""The field by which a pipeline's result is known, and how it is told."""
