"""What a run went through: from its stage records where there are some, else from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    cached: bool = False
    attempts: int = 0
    """Calls of models, those that failed among them."""
    tokens: int = 0
    cost_usd: float = 0.0
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
    return [
        _place(Span(name, status, None, 0.0, 0.0), at, end, _whole([(steps[0][1], ends[-1])]))
        for (name, at), end, status in zip(steps, ends, statuses, strict=False)
    ]


def spans_of_stages(stages: Sequence[StageRow], now: datetime) -> list[Span]:
    """Every stage with what its record says; one that has not begun has no width."""
    times = [(stage.record.started, stage.record.finished or now) for stage in stages]
    whole = _whole([(start, end) for start, end in times if start is not None])
    return [_place(_told(stage), start, end, whole) for stage, (start, end) in zip(stages, times, strict=True)]


def _told(stage: StageRow) -> Span:
    record = stage.record
    return Span(
        stage.id,
        record.status,
        None,
        0.0,
        0.0,
        cached=record.cached,
        attempts=len(record.attempts),
        tokens=record.usage.input_tokens + record.usage.output_tokens,
        cost_usd=record.usage.cost_usd or 0.0,
        notes=tuple(part for part in (stage.model, record.note, record.fallback_reason) if part),
    )


def _whole(times: Sequence[tuple[datetime, datetime]]) -> tuple[datetime, float] | None:
    """When the run began, and its seconds; None for one that has not begun."""
    if not times:
        return None
    first = min(start for start, _ in times)
    return first, max((end - first).total_seconds() for _, end in times)


def _place(span: Span, start: datetime | None, end: datetime, whole: tuple[datetime, float] | None) -> Span:
    """The span at its place in the whole run; as it is where it has not begun."""
    if start is None or whole is None:
        return span
    first, seconds = whole
    took = max(0.0, (end - start).total_seconds())
    if not seconds:
        return replace(span, seconds=took, width=1.0)
    return replace(span, seconds=took, start=(start - first).total_seconds() / seconds, width=took / seconds)
