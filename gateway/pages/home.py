"""The front page: what runs, what needs a person, how the stack is, what today brought and cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.context import GatewayContext
from gateway.dependencies import Parts
from gateway.health import DEPENDENCIES, HealthReport
from gateway.pages.rendering import page
from gateway.pages.views import Row, row
from spine.contracts.cards import CardStatus
from spine.contracts.jobs import RUNNING_STATUSES, Job, JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.contracts.timestamps import iso, utc_now
from spine.contracts.usage import UsageSum
from spine.documents import CARDS, JOBS, SUBMISSIONS, Documents
from spine.effects import count_ambiguous
from spine.jobs import from_document
from spine.stored_reviews import submission_from
from spine.usage import usage_report

router = APIRouter(include_in_schema=False)

SHOWN = 8
"""How many entries a list of the front page has; the pages behind it have all of them."""

_RUNNING = [str(status) for status in RUNNING_STATUSES]
_WAITING = [str(JobStatus.PENDING), str(JobStatus.RETRY)]
_FAILED = [str(JobStatus.FAILURE), str(JobStatus.DEAD)]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Jobs of the last 24 hours."""

    succeeded: int
    failed: int
    last_hour: int
    """Of the succeeded ones."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that goes no further without a person, and the page where it is seen to."""

    title: str
    """A message of the catalogues."""
    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Home:
    """Everything that the front page shows."""

    running: list[Job]
    running_total: int
    waiting_total: int
    to_review: list[Row]
    to_review_total: int
    needs: list[Need]
    failures: list[Job]
    failures_total: int
    throughput: Throughput
    spent: UsageSum

    @property
    def needs_a_person(self) -> bool:
        return bool(self.needs or self.to_review)


@router.get("/")
async def home(request: Request, parts: Parts) -> Response:
    seen, health = await asyncio.gather(look_around(parts.context, utc_now()), parts.health.report(parts.hub.watchers))
    return page(request, "home.html", home=seen, health=health, dependencies=_dependencies(health))


async def look_around(context: GatewayContext, now: datetime) -> Home:
    """What is stored at this moment; counts are exact, lists have at most `SHOWN` entries."""
    documents, day = context.documents, iso(now - timedelta(hours=24))
    running, to_review, failures = {"status": {"$in": _RUNNING}}, _to_review(), _since(_FAILED, day)
    found = await asyncio.gather(
        documents.find(JOBS, running, sort=[("created", -1)], limit=SHOWN),
        documents.find(SUBMISSIONS, to_review, sort=[("created", 1)], limit=SHOWN),
        documents.find(JOBS, failures, sort=[("finished", -1)], limit=SHOWN),
    )
    counts = await asyncio.gather(
        documents.count(JOBS, running),
        documents.count(JOBS, {"status": {"$in": _WAITING}}),
        documents.count(SUBMISSIONS, to_review),
        documents.count(JOBS, failures),
        documents.count(JOBS, _since([str(JobStatus.SUCCESS)], day)),
        documents.count(JOBS, _since([str(JobStatus.SUCCESS)], iso(now - timedelta(hours=1)))),
    )
    needs = await _needs(documents)
    today = now.date()
    spent = await usage_report(documents, ["day"], first_day=today, last_day=today)
    return Home(
        running=[from_document(job) for job in found[0]],
        running_total=counts[0],
        waiting_total=counts[1],
        to_review=[row(submission_from(submission), None) for submission in found[1]],
        to_review_total=counts[2],
        needs=needs,
        failures=[from_document(job) for job in found[2]],
        failures_total=counts[3],
        throughput=Throughput(succeeded=counts[4], failed=counts[3], last_hour=counts[5]),
        spent=spent.total,
    )


async def _needs(documents: Documents) -> list[Need]:
    """Beside the articles; only what is there."""
    dead, cards, doubtful = await asyncio.gather(
        documents.count(JOBS, {"status": {"$in": _FAILED}}),
        documents.count(CARDS, {"status": {"$in": [str(CardStatus.FAILED), str(CardStatus.BLOCKED)]}}),
        count_ambiguous(documents),
    )
    found = (
        Need(gettext("Dead letters"), dead, "/queues"),
        Need(gettext("Cards that failed or are blocked"), cards, "/cards"),
        Need(gettext("Calls in doubt"), doubtful, "/queues"),
    )
    return [need for need in found if need.number]


def gettext(message: str) -> str:
    """Marks a message for the catalogues; the page translates it."""
    return message


def _to_review() -> dict[str, str]:
    return {"status": str(SubmissionStatus.READY_FOR_REVIEW)}


def _since(statuses: list[str], moment: str) -> dict[str, object]:
    return {"status": {"$in": statuses}, "finished": {"$gte": moment}}


def _dependencies(health: HealthReport) -> list[tuple[str, str, str]]:
    """Name, status and what is wrong, in the report's order."""
    found = [(name, getattr(health, name)) for name in DEPENDENCIES]
    return [(name, one.status, one.error or "") for name, one in found]
