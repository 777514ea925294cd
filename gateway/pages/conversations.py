"""Conversations: who was spoken to, what was said and whether it arrived, follow-ups and orders."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.context import GatewayContext
from gateway.dependencies import Context
from gateway.listing import NEWEST_FIRST, Cursor, given
from gateway.pages.rendering import page
from spine.contracts.conversations import CONVERSATION, Delivery, Platform, Session, Turn
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk, session_from, turn_from
from spine.documents import JOBS
from spine.jobs import from_document

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 25
TURNS = 50
_JOBS = 10
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One entry of a transcript."""

    turn: Turn
    ours: bool
    uncertain: bool
    """Sent or not: the process that sent it died before it could say so."""


@router.get("/conversations")
async def conversations(request: Request, context: Context, platform: str = "", cursor: Cursor = None) -> Response:
    chosen = next((known for known in PLATFORMS if known == platform), None)
    found = await _desk(context).sessions(limit=PAGE_SIZE, cursor=cursor, **given(platform=chosen))
    listed = [session_from(document) for document in found.items]
    return page(
        request,
        "conversations.html",
        sessions=[(session, last_message(session)) for session in listed],
        total=found.total,
        next=found.next,
        first=cursor is None,
        platform=chosen or "",
        platforms=PLATFORMS,
    )


@router.get("/conversation/{session_id:path}")
async def conversation(session_id: str, request: Request, context: Context, cursor: Cursor = None) -> Response:
    desk = _desk(context)
    session = await desk.get(session_id)
    turns, followups, orders, jobs = await asyncio.gather(
        desk.transcript(session_id, limit=TURNS, cursor=cursor),
        desk.followups(session_id),
        desk.orders(session_id),
        _latest_jobs(context, session_id),
    )
    said = [turn_row(turn_from(document)) for document in reversed(turns.items)]
    return page(
        request,
        "conversation.html",
        session=session,
        turns=said,
        next=turns.next,
        first=cursor is None,
        followups=followups,
        orders=orders,
        jobs=jobs,
    )


def turn_row(turn: Turn) -> TurnRow:
    return TurnRow(turn, ours=turn.role != "user", uncertain=turn.delivery is Delivery.AMBIGUOUS)


def last_message(session: Session) -> datetime:
    """Of either side; of a session without any, when it began."""
    return max(moment for moment in (session.last_user_at, session.last_reply_at, session.created) if moment)


async def _latest_jobs(context: GatewayContext, session_id: str) -> list[Job]:
    where = {"subject_id": session_id, "pipeline": CONVERSATION}
    found = await context.documents.find(JOBS, where, sort=NEWEST_FIRST, limit=_JOBS)
    return [from_document(document) for document in found]


def _desk(context: GatewayContext) -> ConversationDesk:
    return ConversationDesk(context.documents, context.ledger)
