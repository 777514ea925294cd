"""The backlog and its cards: loading, running, trying again, and what the agents write."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.card_logs import LogPage, archived_page, live_page
from gateway.card_views import CardListing, CardView, card_view, cards_page
from gateway.dependencies import AdminOnly, Context
from gateway.listing import Cursor, Limit, given
from gateway.problems import ProblemError
from gateway.starting import hand_over
from spine.backlog_file import read_backlog
from spine.backlogs import BacklogDesk
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import AgentName, AgentPolicy, BacklogOrder, Card, CardStatus, LoadReport
from spine.contracts.jobs import Job, JobStatus
from spine.errors import ConflictError, DuplicateError, InvalidInputError
from spine.progress import announce_state

router = APIRouter(tags=["cards"])

STOP_SECONDS = 25.0
"""How long a retry waits for the run that it stops: the agent's grace, or the lease of a lane that was killed."""

LOOK_EVERY = 0.1

_CARD_SCHEMA = {"$ref": "#/components/schemas/Card"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "array", "items": _CARD_SCHEMA, "maxItems": 2000}}},
    }
}
Key = Annotated[
    str | None, Header(min_length=1, max_length=200, description="the same key again gives the run that it made")
]


class RunRequest(BaseModel):
    """How a card is to be run."""

    model_config = ConfigDict(extra="forbid")

    agent: AgentName | None = Field(default=None, description="instead of the one that the card and the rules choose")
    card: Card | None = Field(default=None, description="stores this definition first; its id is that of the path")


class CardStarted(BaseModel):
    """A run that was accepted. Watch it at `WS /ws/tasks?job=…`."""

    card_id: str
    job_id: str
    status: JobStatus


class BacklogStarted(BaseModel):
    """A run of the backlog that was accepted."""

    job_id: str
    status: JobStatus
    cards: int = Field(description="how many cards it takes")


class RetryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    force: bool = Field(default=False, description="whatever the run's state is: a running one is stopped first")


class Retried(CardStarted):
    """A card that is tried again. `job_id` is the new run, as `new_job_id` is."""

    old_job_id: str
    old_status: JobStatus
    new_job_id: str


@router.post("/api/backlog", status_code=201, summary="Load cards", openapi_extra=_BODY)
async def load_backlog(request: Request, context: Context) -> LoadReport:
    """A list of cards. All of them are stored or none: 422 names every card that does not fit with its place, unknown
    dependencies, and cycles. A card that is there already is replaced; one whose definition changed is PENDING again.
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("The body is no JSON.") from error
    return await _desk(context).load(read_backlog(body))


@router.post("/api/backlog/run", status_code=202, summary="Run every card that waits")
async def run_backlog(
    context: Context, order: BacklogOrder | None = None, idempotency_key: Key = None
) -> BacklogStarted:
    """Takes the cards that are PENDING or BLOCKED, each after those it depends on. 409 when there is none."""
    desk = BacklogDesk(context.documents, context.ledger)
    job, _ = await desk.accept(order or BacklogOrder(), idempotency_key=idempotency_key)
    await hand_over(context, job)
    return BacklogStarted(job_id=job.job_id, status=job.status, cards=len(job.params["card_ids"]))


@router.get("/api/backlog/policy", summary="Who works on which card, and what is tried again")
async def get_policy(context: Context) -> AgentPolicy:
    return await _desk(context).policy()


@router.put("/api/backlog/policy", dependencies=[AdminOnly], summary="Replace the policy")
async def put_policy(policy: AgentPolicy, context: Context) -> AgentPolicy:
    """Counts for runs that begin afterwards."""
    return await _desk(context).set_policy(policy)


@router.get("/api/cards/enhanced", summary="Cards with their runs, the most urgent first")
async def list_cards(
    context: Context,
    status: CardStatus | None = None,
    squad: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CardListing:
    where = given(status=str(status) if status else None, squad=squad)
    return await cards_page(context.documents, where, limit=limit, cursor=cursor)


@router.get("/api/cards/{card_id}", summary="One card with its run")
async def get_card(card_id: str, context: Context) -> CardView:
    return await card_view(context.documents, await _desk(context).get(card_id))


@router.post("/api/cards/{card_id}/run", status_code=202, summary="Give a card to an agent")
async def run_card(
    card_id: str, context: Context, body: RunRequest | None = None, idempotency_key: Key = None
) -> CardStarted:
    """A new run each time, unless the same `Idempotency-Key` was sent before. 409 while another run holds the card,
    which then stays as it is, and while a card that it depends on is not DONE."""
    desk, asked = _desk(context), body or RunRequest()
    if asked.card is not None and asked.card.card_id != card_id:
        raise InvalidInputError(f"card.card_id: must be {card_id}, as in the path")
    try:
        job = await desk.run(card_id, asked.agent, definition=asked.card, idempotency_key=idempotency_key)
    except DuplicateError as error:
        raise ProblemError(422, "idempotency_key_reused", error.message) from error
    await hand_over(context, job)
    return CardStarted(card_id=job.subject_id, job_id=job.job_id, status=job.status)


@router.post("/api/tasks/{card_id}/retry", status_code=202, summary="Run a card again")
async def retry_card(card_id: str, context: Context, body: RetryRequest | None = None) -> Retried:
    """A new run after one that is FAILURE, DEAD, REVOKED, or waits in RETRY; 400 with the state named otherwise.

    `force` follows any state and looks at no dependency: a run that goes on is stopped first, its agent ended. 404
    when the card has no run.
    """
    desk, force = _desk(context), body is not None and body.force
    try:
        old = await desk.retryable(card_id, force=force)
    except ConflictError as error:
        raise ProblemError(400, "not_retryable", error.message, **error.details) from error
    if not force:  # before the run that waits is ended for one that may not begin
        await desk.check_needs(await desk.get(card_id))
    old = await _stopped(context, old)
    job = await desk.run(card_id, old.params.get("agent"), force=force)
    await hand_over(context, job)
    return Retried(
        card_id=card_id,
        job_id=job.job_id,
        status=job.status,
        old_job_id=old.job_id,
        old_status=old.status,
        new_job_id=job.job_id,
    )


@router.get("/api/tasks/{card_id}/logs", tags=["tasks"], summary="What the agent wrote")
async def get_logs(
    card_id: str,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 200,
    since: Annotated[
        int | None, Query(ge=0, le=2**53, description="lines after this one; without it the latest")
    ] = None,
    archive: Annotated[bool, Query(description="the complete log from the compressed files")] = False,
) -> LogPage:
    """Of the card's latest run, without colours. Live lines are kept for a day; after that the complete log is read
    from its compressed file, whose lines have numbers of their own."""
    job = await _desk(context).latest_run(card_id)
    live = None if archive else await live_page(context.progress, job.job_id, since, limit)
    if live is not None:
        return live
    run = await CardRuns(context.documents).get(job.job_id)
    if run is None:
        return LogPage(items=[], total=since or 0, source="archive")
    return await archived_page(run, context.read_archive, since, limit)


def _desk(context: Context) -> CardDesk:
    return CardDesk(context.documents, context.ledger)


async def _stopped(context: Context, job: Job) -> Job:
    """The job once it has ended: cancelled, unless it has ended already. 409 when its agent does not end in time."""
    if job.status.is_final:
        return job
    try:
        job = await context.ledger.cancel(job.job_id)
    except ConflictError:  # it has just ended by itself
        return await context.ledger.get(job.job_id)
    if job.status is JobStatus.REVOKED:
        await announce_state(context.progress, job, "cancelled for another try")
    waited = 0.0
    while not job.status.is_final:
        if waited >= STOP_SECONDS:
            raise ConflictError(f"The run {job.job_id} was asked to stop and still goes on; try again in a moment.")
        await asyncio.sleep(LOOK_EVERY)
        waited += LOOK_EVERY
        job = await context.ledger.get(job.job_id)
    return job
