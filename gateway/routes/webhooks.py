"""Webhooks: verified, deduplicated, and acknowledged once their job is stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from gateway.dependencies import Gateway, gateway_of
from gateway.webhook_doors import known_source, manychat_account, telegram_account
from spine.arrivals import Arrivals
from spine.contracts.accounts import ManyChatPage
from spine.contracts.conversations import WebhookEvent
from spine.contracts.jobs import Job
from spine.conversations import ConversationDesk
from spine.inbound.manychat import read_request
from spine.inbound.reading import Ignored
from spine.inbound.telegram import read_update
from spine.inline_replies import InlineReplies
from spine.manychat_blocks import block_of, dynamic_block
from spine.strict_json import read_json_object
from spine.webhook_rules import event_of, rule_for

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
_ANY_OBJECT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.post("/telegram/{bot}", summary="An update for a bot", openapi_extra=_ANY_OBJECT)
async def telegram(bot: Name, request: Request) -> Response:
    """Needs the bot's secret in `X-Telegram-Bot-Api-Secret-Token`. A repeated `update_id` gives the job it made; an
    update of a kind that is not answered is acknowledged and counted."""
    parts = gateway_of(request)  # as a dependency it would cost a thread for every update
    telegram_account(parts, bot, request.headers)
    reading = read_update(read_json_object(await request.body()), bot)
    if isinstance(reading, Ignored):
        return _ignored(parts, "telegram", reading.kind, reading.answer)
    job, new = await _desk(parts).receive(reading.message)
    return _taken(parts, "telegram", job, new, {**_ids(job), "duplicate": not new, **(reading.answer or {})})


@router.post("/manychat/{account}", summary="A message from ManyChat", openapi_extra=_ANY_OBJECT)
async def manychat(account: Name, request: Request) -> Response:
    """Needs the account's secret in `X-Millrace-Secret`. Answers with a dynamic block (version 2): an empty one, the
    reply then goes out by ManyChat's API, or the reply itself where the account says so and it is there in time."""
    parts = gateway_of(request)
    known = manychat_account(parts, account, request.headers)
    reading = read_request(read_json_object(await request.body()), account)
    if isinstance(reading, Ignored):
        return _ignored(parts, "manychat", reading.kind, dynamic_block([], known.channel))
    message = await Arrivals(parts.context.documents).identified(reading.message)
    waiting = timedelta(seconds=known.inline_seconds) if _answers_inline(known) else None
    job, new = await _desk(parts).receive(message, inline_for=waiting)
    if waiting is None or not new:
        return _taken(parts, "manychat", job, new, dynamic_block([], known.channel))
    parts.later_starts.add(job)
    reply = await InlineReplies(parts.context.documents).take(job.job_id, known.inline_seconds)
    block = dynamic_block([], known.channel) if reply is None else block_of(reply, known.channel)
    parts.metrics.webhooks.taken("manychat", new=True)
    return JSONResponse(block, headers=_id_headers(job))


@router.post(
    "/{source}",
    summary="An event of any source, signed or with its secret",
    openapi_extra=_ANY_OBJECT,
)
async def standard(source: Name, request: Request) -> Response:
    """Needs `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks 1.0); a sender that cannot
    sign gives the source's secret in `X-Millrace-Secret`. The source's mappings say which pipeline an event starts; an
    event that none fits is acknowledged and counted."""
    parts, body = gateway_of(request), await request.body()
    known, webhook_id = known_source(parts, source, request.headers, body)
    payload = read_json_object(body)
    event = event_of(payload, known.event_path)
    rule = rule_for(known.mappings, event)
    if rule is None:
        return _ignored(parts, "source", "no_rule" if event else "no_event_type")
    job, new = await _desk(parts).receive_event(
        WebhookEvent(
            source=source,
            webhook_id=webhook_id,
            event=event,
            pipeline=rule.pipeline,
            params=rule.params,
            payload=json.dumps(payload),
        )
    )
    return _taken(parts, "source", job, new, {**_ids(job), "duplicate": not new})


def _answers_inline(account: ManyChatPage) -> bool:
    """Without an API key there is no other way to answer."""
    return account.answer_inline or account.api_key is None


def _desk(parts: Gateway) -> ConversationDesk:
    return ConversationDesk(parts.context.documents, parts.context.ledger)


def _taken(parts: Gateway, platform: str, job: Job, new: bool, content: dict[str, Any]) -> Response:
    """The ack of a stored job. The queue hears of it meanwhile: the sweeper finds it should this process end now."""
    parts.metrics.webhooks.taken(platform, new=new)
    if new:
        parts.later_starts.add(job)
    return JSONResponse(content, headers=_id_headers(job))


def _ignored(parts: Gateway, platform: str, kind: str, answer: dict[str, Any] | None = None) -> Response:
    parts.metrics.webhooks.ignored(platform, kind)
    return JSONResponse(answer if answer is not None else {"ok": True, "ignored": kind})


def _ids(job: Job) -> dict[str, Any]:
    return {"ok": True, "job_id": job.job_id, "task_id": job.job_id, "trace_id": job.trace_id}


def _id_headers(job: Job) -> dict[str, str]:
    return {"X-Job-Id": job.job_id, "X-Trace-Id": job.trace_id}
