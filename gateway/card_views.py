"""Cards as the gateway shows them: each with its latest run and whether it has a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from spine.card_runs import CardRuns
from spine.cards import card_from
from spine.contracts.cards import Card, CardRecord, CardRun, CardStatus
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.timestamps import Timestamp, utc_now
from spine.documents import CARDS, JOBS, page_of
from spine.jobs import from_document
from spine.ports import Document, Documents
from spine.progress import eta_seconds

MOST_URGENT_FIRST = [("priority", -1), ("created", 1)]
_LIVE_LOG = timedelta(hours=24)


class RunView(BaseModel):
    """The latest run of a card."""

    job_id: str
    status: JobStatus
    progress: float
    current_step: str
    elapsed: float = Field(description="seconds since the attempt began, or that it took")
    eta: float | None = Field(description="seconds left; null while nobody knows")
    worker: str
    retries: int = Field(description="attempts after the first one")
    max_retries: int
    next_attempt: Timestamp | None = Field(description="when a run in RETRY is due")
    agent: str
    agent_reason: str
    workdir: str
    result: dict[str, Any] | None
    traceback: str | None = Field(description="why it failed, with the last lines of the agent")


class CardView(BaseModel):
    """A card with its latest run; `run` is null before the first."""

    card_id: str
    status: CardStatus
    reason: str
    card: Card
    run: RunView | None
    logs_available: bool


class CardListing(BaseModel):
    """One page of cards."""

    items: list[CardView]
    total: int
    next: str | None = None


async def cards_page(documents: Documents, where: Mapping[str, Any], *, limit: int, cursor: str | None) -> CardListing:
    """A page of cards, the most urgent first, in three reads whatever its length."""
    page = await page_of(documents, CARDS, where, sort=MOST_URGENT_FIRST, limit=limit, cursor=cursor)
    return CardListing(items=await _views(documents, page.items), total=page.total, next=page.next)


async def card_view(documents: Documents, card: CardRecord) -> CardView:
    [view] = await _views_of(documents, [card])
    return view


async def _views(documents: Documents, found: Sequence[Document]) -> list[CardView]:
    return await _views_of(documents, [card_from(document) for document in found])


async def _views_of(documents: Documents, cards: Sequence[CardRecord]) -> list[CardView]:
    ids = [card.job_id for card in cards if card.job_id]
    jobs = {one["_id"]: from_document(one) for one in await documents.find(JOBS, {"_id": {"$in": ids}})} if ids else {}
    runs = await CardRuns(documents).of_jobs(ids)
    return [view_of(card, jobs.get(card.job_id or ""), runs.get(card.job_id or ""), utc_now()) for card in cards]


def view_of(card: CardRecord, job: Job | None, run: CardRun | None, now: datetime) -> CardView:
    return CardView(
        card_id=card.card_id,
        status=card.status,
        reason=card.reason,
        card=card.definition,
        run=_run_view(job, run, now) if job is not None else None,
        logs_available=job is not None and _has_log(job, run, now),
    )


def _run_view(job: Job, run: CardRun | None, now: datetime) -> RunView:
    elapsed = max(0.0, ((job.finished or now) - job.started).total_seconds()) if job.started else 0.0
    return RunView(
        job_id=job.job_id,
        status=job.status,
        progress=job.progress,
        current_step=job.current_step,
        elapsed=round(elapsed, 3),
        eta=0.0 if job.status.is_final else eta_seconds(elapsed, job.progress),
        worker=job.worker or "",
        retries=max(0, job.attempts - 1),
        max_retries=job.max_attempts - 1,
        next_attempt=job.run_after,
        agent=run.agent if run else "",
        agent_reason=run.agent_reason if run else "",
        workdir=run.workdir if run else "",
        result=job.result,
        traceback=_traceback(job, run),
    )


def _traceback(job: Job, run: CardRun | None) -> str | None:
    if job.error is None or job.status is JobStatus.SUCCESS:
        return None
    where = f" in {job.error.step}" if job.error.step else ""
    told = [f"{job.error.error_class}{where}: {job.error.message}"]
    return "\n".join(told + (["", "The agent's last lines:", *run.last_lines] if run and run.last_lines else []))


def _has_log(job: Job, run: CardRun | None, now: datetime) -> bool:
    """Watchers' events are kept for a day after the last one; the compressed logs for longer."""
    began = job.started is not None
    return began and (bool(run and run.logs) or job.finished is None or now - job.finished < _LIVE_LOG)
