"""What a run went through: from its stage records where there are some, else from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.pages.views import StageRow
from spine.contracts.jobs import FINAL_STATUSES, JobStatus
from spine.contracts.progress import ProgressEvent

_FINAL = {str(status) for status in FINAL_STATUSES}


@dataclass(frozen=True, slots=True)
class Span:
    """One stage of a run. `start` and `width` are shares of the whole run, 0 to 1."""

    name: str
    status: str
    seconds: float | None
    start: float
    width: float
    notes: tuple[str, ...] = ()


def spans_of_events(events: Iterable[ProgressEvent], now: datetime) -> list[Span]:
    """The steps of the newest attempt; the last one goes on until the run ended, or until now."""
    told = list(events)
    if not told:
        return []
    attempt = told[-1].attempt
    steps: list[tuple[str, datetime]] = []
    for event in told:
        if event.attempt == attempt and event.current_step and (not steps or steps[-1][0] != event.current_step):
            steps.append((event.current_step, event.timestamp))
    ended = told[-1] if told[-1].status in _FINAL else None
    last = "running" if ended is None else "completed" if ended.status == JobStatus.SUCCESS else "failed"
    ends = [*(at for _, at in steps[1:]), ended.timestamp if ended else now]
    statuses = ["completed"] * (len(steps) - 1) + [last]
    return _placed(
        [(name, status, at, end, ()) for (name, at), end, status in zip(steps, ends, statuses, strict=False)]
    )


def spans_of_stages(stages: Sequence[StageRow], now: datetime) -> list[Span]:
    """Every stage with what its record says; one that has not begun has no width."""
    return _placed(
        [
            (stage.id, stage.record.status, stage.record.started, stage.record.finished or now, _told(stage))
            for stage in stages
        ]
    )


def _told(stage: StageRow) -> tuple[str, ...]:
    usage = stage.record.usage
    tokens = usage.input_tokens + usage.output_tokens
    parts = (
        stage.model,
        f"{tokens:,} tokens" if tokens else "",
        f"${usage.cost_usd:.4f}" if usage.cost_usd else "",
        stage.record.note,
        stage.record.fallback_reason or "",
    )
    return tuple(part for part in parts if part)


def _placed(found: Sequence[tuple[str, str, datetime | None, datetime, tuple[str, ...]]]) -> list[Span]:
    begun = [(start, end) for _, _, start, end, _ in found if start is not None]
    first = min((start for start, _ in begun), default=None)
    whole = max(((end - first).total_seconds() for _, end in begun), default=0.0) if first else 0.0
    return [_span(name, status, start, end, notes, first, whole) for name, status, start, end, notes in found]


def _span(
    name: str,
    status: str,
    start: datetime | None,
    end: datetime,
    notes: tuple[str, ...],
    first: datetime | None,
    whole: float,
) -> Span:
    if start is None or first is None:
        return Span(name, status, None, 0.0, 0.0, notes)
    seconds = max(0.0, (end - start).total_seconds())
    if not whole:
        return Span(name, status, seconds, 0.0, 1.0, notes)
    return Span(name, status, seconds, (start - first).total_seconds() / whole, seconds / whole, notes)
