"""Saying something over HTTP, and reading what was said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from spine.contracts.conversations import Dispatched, Followup, MessageRequest, Order, OrderItem, OrderProposal, Turn
from spine.contracts.conversations import Session as Conversation
from spine.contracts.timestamps import utc_now
from spine.conversations import followup_document, order_document, session_document, turn_document
from spine.documents import CONVERSATIONS, FOLLOWUPS, MESSAGES, ORDERS
from tests.gateway.gateway_desk import Desk, open_desk
from tests.gateway.webhook_desk import jobs_of

SAID = {"session_id": "web:1", "user_message": "Hello", "platform": "web"}


async def test_a_message_is_queued_and_its_job_named(client: httpx.AsyncClient, desk: Desk) -> None:
    answer = await client.post("/api/messages", json=SAID)
    (job,) = await jobs_of(desk)
    assert answer.status_code == 202
    assert answer.json() == {"queued": True, "task_id": job.job_id, "job_id": job.job_id, "trace_id": job.trace_id}
    assert (job.queue, job.subject_id, job.params["task"]) == ("llm", "web:1", "process_message")
    assert [started.job_id for started in desk.starter.started] == [job.job_id]


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        pytest.param({"platform": "telegram", "chat_id": "42"}, "process_and_respond", id="sent to its platform"),
        pytest.param(
            {"platform": "telegram", "chat_id": "42", "fire_and_forget": False}, "process_message", id="only kept"
        ),
        pytest.param({"platform": "api"}, "process_message", id="nowhere to send it"),
    ],
)
async def test_a_reply_is_sent_where_nobody_waits_for_it(
    client: httpx.AsyncClient, desk: Desk, fields: dict[str, Any], task: str
) -> None:
    await client.post("/api/messages", json={**SAID, **fields})
    assert [job.params["task"] for job in await jobs_of(desk)] == [task]


async def test_the_same_key_is_one_message_and_another_text_under_it_is_refused(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/api/messages", json=SAID, headers=key)
    assert (await client.post("/api/messages", json=SAID, headers=key)).json() == first.json()
    other = await client.post("/api/messages", json={**SAID, "user_message": "Bye"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await jobs_of(desk)) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"user_message": ""}, "user_message"),
        ({"session_id": " "}, "session_id"),
        ({"session_id": "a\nb"}, "session_id"),
        ({"platform": "fax"}, "platform"),
        ({"platform": "telegram"}, "chat_id"),
        ({"persona_id": "../x"}, "persona_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_message_that_does_not_fit_is_refused_by_field(
    client: httpx.AsyncClient, desk: Desk, fields: dict[str, Any], field: str
) -> None:
    answer = await client.post("/api/messages", json={**SAID, **fields})
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]
    assert await jobs_of(desk) == []


async def test_without_a_queue_the_answer_is_the_reply() -> None:
    async def in_place(request: MessageRequest, key: str | None) -> Dispatched:
        return Dispatched(queued=False, trace_id="t", task_id="j", job_id="j", response=f"{request.user_message}!")

    desk = await open_desk(dispatch_message=in_place)
    async with desk.client() as client:
        answer = await client.post("/api/messages", json=SAID)
    assert (answer.status_code, answer.json()["queued"], answer.json()["response"]) == (200, False, "Hello!")


async def store_conversation(desk: Desk, session_id: str, turns: int = 5) -> None:
    session = Conversation(session_id=session_id, platform="web", summary="They talked.", turns=turns)
    await desk.documents.upsert(CONVERSATIONS, session_document(session))
    for seq in range(1, turns + 1):
        role = "user" if seq % 2 else "assistant"
        turn = Turn(message_id=f"{session_id}:{seq}", session_id=session_id, seq=seq, role=role, text=f"turn {seq}")
        await desk.documents.upsert(MESSAGES, turn_document(turn))


async def test_a_conversation_shows_its_turns_page_by_page_with_what_came_of_it(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await store_conversation(desk, "web:1/a b")
    followup = Followup(followup_id="f1", session_id="web:1/a b", number=1, reason="open_question", due=utc_now())
    proposal = OrderProposal(
        items=[OrderItem(name="Ribbon", quantity=1, unit_price="1.00")],
        currency="EUR",
        total="1.00",
        customer_name="Ana",
        customer_contact="a@b.c",
    )
    await desk.documents.upsert(FOLLOWUPS, followup_document(followup))
    order = Order(order_id="o1", session_id="web:1/a b", proposal=proposal)
    await desk.documents.upsert(ORDERS, order_document(order))

    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        shown = (await client.get("/api/conversations/web:1/a b", params=params)).json()
        seen += [turn["seq"] for turn in shown["transcript"]["items"]]
        cursor = shown["transcript"]["next"]
    assert seen == [5, 4, 3, 2, 1]
    assert shown["session"]["summary"] == "They talked."
    assert [one["followup_id"] for one in shown["followups"]] == ["f1"]
    assert [one["order_id"] for one in shown["orders"]] == ["o1"]


async def test_conversations_are_listed_and_an_unknown_one_is_told(client: httpx.AsyncClient, desk: Desk) -> None:
    await store_conversation(desk, "web:1")
    assert [one["session_id"] for one in (await client.get("/api/conversations")).json()["items"]] == ["web:1"]
    assert (await client.get("/api/conversations", params={"platform": "telegram"})).json()["total"] == 0
    assert (await client.get("/api/conversations/web:2")).status_code == 404
