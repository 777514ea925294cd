"""Talking to a persona over HTTP, and reading conversations."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, Field

from gateway.dependencies import AdminOnly, Caller, Context
from gateway.listing import Cursor, Limit, Listing, given, listing
from gateway.messaging import dispatch
from spine.contracts.conversations import (
    Dispatched,
    Followup,
    Forgotten,
    MessageRequest,
    Order,
    Platform,
    Session,
    Turn,
)
from spine.conversations import ConversationDesk, session_from, turn_from
from spine.forgetting import forget, name_without_person

router = APIRouter(prefix="/api", tags=["conversations"])

_audit = logging.getLogger("millrace.audit")

SessionPath = Annotated[str, Path(min_length=1, max_length=200, examples=["telegram:default:123456"])]


class ConversationView(BaseModel):
    """A conversation as it stands."""

    session: Session
    transcript: Listing[Turn] = Field(description="the newest turn first")
    followups: list[Followup]
    orders: list[Order]


@router.post("/messages", status_code=202, summary="Say something", response_model_exclude_none=True)
async def send_message(
    request: MessageRequest,
    context: Context,
    response: Response,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="the same key again gives the job it made")
    ] = None,
) -> Dispatched:
    """202 with the job whose result will hold the reply; with the queue switched off, 200 with the reply itself."""
    dispatched = await dispatch(context, request, idempotency_key)
    response.headers["X-Trace-Id"] = dispatched.trace_id
    if not dispatched.queued:
        response.status_code = 200
    return dispatched


@router.get("/conversations", summary="List conversations, the latest first")
async def list_conversations(
    context: Context,
    persona_id: Annotated[str | None, Query(max_length=64)] = None,
    platform: Platform | None = None,
    account: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[Session]:
    where = given(persona_id=persona_id, platform=platform, account=account)
    return listing(await _desk(context).sessions(limit=limit, cursor=cursor, **where), session_from)


@router.get("/conversations/{session_id:path}", summary="A conversation with its transcript, follow-ups and orders")
async def get_conversation(
    session_id: SessionPath, context: Context, limit: Limit = 50, cursor: Cursor = None
) -> ConversationView:
    """`limit` and `cursor` page the transcript. Turns that the summary covers are marked `archived`."""
    desk = _desk(context)
    session = await desk.get(session_id)
    return ConversationView(
        session=session,
        transcript=listing(await desk.transcript(session_id, limit=limit, cursor=cursor), turn_from),
        followups=await desk.followups(session_id),
        orders=await desk.orders(session_id),
    )


@router.delete(
    "/conversations/{session_id:path}",
    summary="Remove what is kept of a person's conversation",
    dependencies=[AdminOnly],
)
async def forget_conversation(session_id: SessionPath, context: Context, caller: Caller) -> Forgotten:
    """Its words, names, follow-ups and open orders go; what stays is in docs/conversation_agent.md. The person's next
    message begins anew. 409, and nothing is removed, while a message of it waits or is answered, or a confirmed order
    is on its way; a second call, or one after an interruption, removes what is left."""
    forgotten = await forget(context.documents, context.ledger, context.progress, session_id)
    name = name_without_person(session_id)
    _audit.warning("conversation %s was forgotten by %s (%s): %s", name, caller.name, caller.via, forgotten)
    return forgotten


def _desk(context: Context) -> ConversationDesk:
    return ConversationDesk(context.documents, context.ledger)
