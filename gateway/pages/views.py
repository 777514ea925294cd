"""What the pages show of submissions, stages and facts: plain values, decided here, laid out in the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from babel.numbers import format_decimal

from gateway.languages import Language
from spine.contracts.books import ConsolidatedBook, Money, SourcedValue
from spine.contracts.jobs import Job
from spine.contracts.submissions import StageRecord, Submission, SubmissionStatus
from spine.contracts.texts import Article
from spine.submissions import decidable_from

_TONES = {
    "good": {
        *("ready_for_review", "approved", "published", "SUCCESS", "completed", "healthy", "active"),
        *("sent", "inline", "created", "DONE", "done"),
    },
    "bad": {"failed", "rejected", "FAILURE", "DEAD", "unhealthy", "FAILED", "BLOCKED", "ambiguous"},
    "idle": {"pending", "PENDING", "REVOKED", "skipped", "disabled", "draft", "cancelled", "kept", "waiting"},
}


def tone(status: str) -> str:
    """How a status chip looks: good, bad, idle, or busy for everything on its way."""
    return next((name for name, statuses in _TONES.items() if status in statuses), "busy")


def words(name: str) -> str:
    """`ready_for_review` or `SUCCESS` as people write it."""
    return name.replace("_", " ").lower()


def segment(value: str) -> str:
    """An id as one part of an address, whatever it is made of."""
    return quote(value, safe="")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list of submissions."""

    submission: Submission
    title: str
    shop: str
    job: Job | None

    @property
    def live(self) -> bool:
        """Whether its job may still report progress."""
        return self.job is not None and not self.job.status.is_final


def row(submission: Submission, job: Job | None) -> Row:
    address = urlsplit(submission.request.amazon_url)
    shop = (address.hostname or "").removeprefix("www.")
    return Row(submission, submission.title or f"{shop}{address.path}", shop, job)


@dataclass(frozen=True, slots=True)
class StageRow:
    """One line of the stages' timeline."""

    id: str
    name: str
    record: StageRecord
    seconds: float | None
    model: str


def stage_rows(submission: Submission, stages: Sequence[str]) -> list[StageRow]:
    """Every stage in order, those that have not begun too, and any that the pipeline no longer has."""
    ids = [*stages, *(stage for stage in submission.stages if stage not in stages)]
    return [_stage_row(stage, submission.stages.get(stage, StageRecord())) for stage in ids]


def _stage_row(stage: str, record: StageRecord) -> StageRow:
    seconds = (record.finished - record.started).total_seconds() if record.finished and record.started else None
    # `extractive / extractive` would say it twice.
    model = " / ".join(dict.fromkeys(part for part in (record.provider, record.model) if part))
    return StageRow(stage, words(stage), record, seconds, model)


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of the book with where it came from."""

    name: str
    value: str
    source: str
    reason: str
    conflicts: list[tuple[str, str]]


def facts(book: ConsolidatedBook) -> list[Fact]:
    """What is known of the book, in the order of the contract; unknown fields are left out."""
    found: list[Fact] = []
    for name in type(book.metadata).model_fields:
        value = getattr(book.metadata, name)
        if value is None or value == []:
            continue
        origin = book.provenance.get(name)
        found.append(
            Fact(
                name=words(name),
                value=shown(value),
                source=origin.source if origin else "",
                reason=origin.reason if origin else "",
                conflicts=[_conflict(other) for other in origin.conflicts] if origin else [],
            )
        )
    return found


def _conflict(other: SourcedValue) -> tuple[str, str]:
    return other.source, shown(other.value)


def shown(value: Any) -> str:
    """A fact's value as one line of text."""
    if isinstance(value, Money):
        return f"{value.amount:.2f} {value.currency}"
    if isinstance(value, Mapping) and {"amount", "currency"} <= set(value):
        return f"{value['amount']} {value['currency']}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Actions:
    """Which buttons make sense now; the server decides again when one is pressed."""

    retry: bool
    approve: bool
    reject: bool
    cancel: bool


def actions(submission: Submission, article: Article | None, job: Job | None) -> Actions:
    running = job is not None and not job.status.is_final

    def can_become(verdict: SubmissionStatus) -> bool:
        """Whether the desk takes the verdict, and it is news."""
        status = submission.status
        return article is not None and status is not verdict and status in decidable_from(article, verdict)

    return Actions(
        retry=job is not None and not running,
        approve=can_become(SubmissionStatus.APPROVED),
        reject=can_become(SubmissionStatus.REJECTED),
        cancel=running and job is not None and not job.cancel_requested,
    )


def duration(seconds: float | None, language: Language) -> str:
    """`12 ms`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, in the reader's language; empty for None."""
    if seconds is None:
        return ""
    gettext = language.gettext
    h, min_, s, ms = gettext("h"), gettext("min"), gettext("s"), gettext("ms")
    if 0 < seconds < 0.1:
        return f"{max(1, round(seconds * 1000))} {ms}"
    if seconds < 10:
        return f"{format_decimal(seconds, '0.0', language.locale)} {s}"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} {h} {minutes % 60:02d} {min_}"
    return f"{minutes} {min_} {rest:02d} {s}" if minutes else f"{rest} {s}"


def moment(value: datetime) -> str:
    """For people who read no JavaScript: minutes, in UTC. The browser turns it into local time."""
    return value.strftime("%Y-%m-%d %H:%M UTC")


def since(start: datetime | None, end: datetime) -> float | None:
    """Seconds; None for what has not begun."""
    return max(0.0, (end - start).total_seconds()) if start else None


def took(job: Job) -> float | None:
    return (job.finished - job.started).total_seconds() if job.finished and job.started else None
