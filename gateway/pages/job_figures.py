"""What ran lately, in figures: jobs by hour and outcome, how long they took and waited, by pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Final

from gateway.pages.charts import Chart, stacked
from gateway.pages.views import words
from spine.contracts.jobs import FINAL_STATUSES, Job, JobStatus

HOURS: Final = 24
MOST: Final = 2_000
"""Figures look at this many jobs, the last that ended; a busier stack asks `/metrics`."""

TOOK: Final = "took"
_TONES: Final = {
    words(str(JobStatus.SUCCESS)): "good",
    words(str(JobStatus.FAILURE)): "bad",
    words(str(JobStatus.DEAD)): "worst",
    words(str(JobStatus.REVOKED)): "idle",
}


@dataclass(frozen=True, slots=True)
class PipelineFigures:
    """Of one pipeline's ended jobs. Seconds."""

    pipeline: str
    succeeded: int
    failed: int
    retried: int
    """Jobs that needed more than one attempt."""
    took_median: float
    took_p95: float
    waited_median: float
    """From being given to the start of the last attempt."""


def by_hour(jobs: Iterable[Job], now: datetime) -> Chart:
    """Ended jobs of the last 24 hours, an hour a column, the oldest first."""
    columns = [(label, Counter(words(str(job.status)) for job in ended)) for label, ended in _hours(jobs, now)]
    return stacked(columns, tuple(_TONES), _TONES)


def took_by_hour(jobs: Iterable[Job], now: datetime) -> Chart:
    """What 95 of 100 jobs of an hour were done within, in seconds."""
    columns = [(label, {TOOK: _share(_took(ended), 95)}) for label, ended in _hours(jobs, now)]
    return stacked(columns, (TOOK,), {TOOK: "busy"})


def _hours(jobs: Iterable[Job], now: datetime) -> list[tuple[str, list[Job]]]:
    """The jobs that ended in each of the last 24 hours."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    ended: list[list[Job]] = [[] for _ in range(HOURS)]
    for job in jobs:
        if job.finished is None or job.finished < first or job.status not in FINAL_STATUSES:
            continue
        hour = int((job.finished - first).total_seconds() // 3600)
        if hour < HOURS:
            ended[hour].append(job)
    labels = [(first + timedelta(hours=hour)).strftime("%H:00 UTC") for hour in range(HOURS)]
    return list(zip(labels, ended, strict=True))


def by_pipeline(jobs: Iterable[Job]) -> list[PipelineFigures]:
    """In the order of the pipelines' names."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.pipeline, []).append(job)
    return [_figures(pipeline, groups[pipeline]) for pipeline in sorted(groups)]


def _figures(pipeline: str, jobs: Sequence[Job]) -> PipelineFigures:
    took = _took(jobs)
    waited = [max(0.0, (job.started - job.created).total_seconds()) for job in jobs if job.started]
    return PipelineFigures(
        pipeline=pipeline,
        succeeded=sum(job.status is JobStatus.SUCCESS for job in jobs),
        failed=sum(job.status in (JobStatus.FAILURE, JobStatus.DEAD) for job in jobs),
        retried=sum(job.attempts > 1 for job in jobs),
        took_median=_share(took, 50),
        took_p95=_share(took, 95),
        waited_median=_share(waited, 50),
    )


def _took(jobs: Sequence[Job]) -> list[float]:
    return [(job.finished - job.started).total_seconds() for job in jobs if job.finished and job.started]


def _share(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]
