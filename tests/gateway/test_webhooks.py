"""Webhooks at the door: who is let in, what becomes of it, and that nothing that is sent makes the gateway fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from spine.contracts.accounts import ManyChatPage, TelegramAccount
from spine.contracts.conversations import InboundMessage, WebhookEvent
from spine.inline_replies import InlineReplies
from tests.gateway.gateway_desk import Desk, open_desk, until
from tests.gateway.webhook_desk import MANYCHAT, NEW, OLD, TELEGRAM, KnownAccounts, jobs_of, signed


@pytest.fixture
async def desk() -> Desk:
    return await open_desk(accounts=KnownAccounts())


@pytest.fixture
async def caller(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with desk.client(token=None) as client:
        yield client


def update(update_id: int = 1, text: str = "Hello", **more: Any) -> dict[str, Any]:
    person = {"id": 42, "is_bot": False, "first_name": "Ana"}
    return {"update_id": update_id, "message": {"from": person, "chat": {"id": 42}, "date": 1, "text": text, **more}}


async def test_an_update_becomes_a_job_before_it_is_acknowledged(caller: httpx.AsyncClient, desk: Desk) -> None:
    answer = await caller.post("/webhooks/telegram/shop", json=update(text="Hello"), headers=TELEGRAM)
    (job,) = await jobs_of(desk)
    assert answer.status_code == 200
    assert answer.json()["job_id"] == job.job_id == answer.headers["x-job-id"]
    assert answer.headers["x-trace-id"] == job.trace_id == answer.json()["trace_id"]
    assert (job.queue, job.subject_id, job.max_attempts) == ("llm", "telegram:shop:42", 3)
    assert InboundMessage.model_validate(job.params["message"]).text == "Hello"
    await until(lambda: [started.job_id for started in desk.starter.started] == [job.job_id])


async def test_a_queue_that_is_away_does_not_hold_up_the_ack(caller: httpx.AsyncClient, desk: Desk) -> None:
    desk.starter.down = True
    answer = await caller.post("/webhooks/telegram/shop", json=update(), headers=TELEGRAM)
    assert answer.status_code == 200 and len(await jobs_of(desk)) == 1


async def test_jobs_that_come_while_others_are_handed_over_are_all_started(
    caller: httpx.AsyncClient, desk: Desk
) -> None:
    await asyncio.gather(
        *(caller.post("/webhooks/telegram/shop", json=update(number), headers=TELEGRAM) for number in range(300))
    )
    await until(lambda: len(desk.starter.started) == 300)
    assert len({job.job_id for job in desk.starter.started}) == 300


async def test_a_hand_over_that_fails_in_a_way_nobody_thought_of_holds_up_none_after_it(
    caller: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(desk.starter, "started", None)
        lost = await caller.post("/webhooks/telegram/shop", json=update(1), headers=TELEGRAM)
        await until(lambda: lost.json()["job_id"] in caplog.text)
    kept = await caller.post("/webhooks/telegram/shop", json=update(2), headers=TELEGRAM)
    await until(lambda: [job.job_id for job in desk.starter.started] == [kept.json()["job_id"]])


@pytest.mark.parametrize("path", ["telegram", "manychat", "source"])
async def test_a_thousand_deliveries_of_one_webhook_make_one_job(
    caller: httpx.AsyncClient, desk: Desk, path: str
) -> None:
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "telegram": ("/webhooks/telegram/shop", {"json": update(), "headers": TELEGRAM}),
        "manychat": (
            "/webhooks/manychat/page",
            {"json": {"subscriber": {"id": "9"}, "last_input_text": "hi"}, "headers": MANYCHAT},
        ),
        "source": ("/webhooks/shop", signed({"type": "book.new", "data": {"url": "https://shop.example/1"}})),
    }
    address, request = requests[path]
    answers = await asyncio.gather(*(caller.post(address, **request) for _ in range(1000)))
    (job,) = await jobs_of(desk)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-job-id"] for answer in answers} == {job.job_id}
    await until(lambda: len(desk.starter.started) == 1)


async def test_a_duplicate_after_the_end_gives_the_same_ids(caller: httpx.AsyncClient, desk: Desk) -> None:
    first = await caller.post("/webhooks/telegram/shop", json=update(), headers=TELEGRAM)
    await desk.finish(first.json()["job_id"], text="Hi")
    again = await caller.post("/webhooks/telegram/shop", json=update(), headers=TELEGRAM)
    assert again.json() == {**first.json(), "duplicate": True}


async def test_two_bots_may_have_the_same_update_id() -> None:
    class Bots(KnownAccounts):
        def telegram(self, name: str) -> TelegramAccount | None:
            return TelegramAccount(webhook_secret=SecretStr("telegram-secret"))

    desk = await open_desk(accounts=Bots())
    async with desk.client(token=None) as caller:
        for bot in ("one", "two", "one"):
            await caller.post(f"/webhooks/telegram/{bot}", json=update(), headers=TELEGRAM)
    assert len(await jobs_of(desk)) == 2


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        pytest.param("telegram/shop", {}, 401, "authentication", id="no secret"),
        pytest.param(
            "telegram/shop", {"X-Telegram-Bot-Api-Secret-Token": "wrong"}, 401, "authentication", id="another secret"
        ),
        pytest.param("telegram/nobody", TELEGRAM, 404, "not_found", id="no such bot"),
        pytest.param("telegram/bare", TELEGRAM, 503, "not_configured", id="a bot without a secret"),
        pytest.param("manychat/page", {"X-Millrace-Secret": "ключ".encode()}, 401, "authentication", id="odd secret"),
        pytest.param("manychat/nobody", MANYCHAT, 404, "not_found", id="no such page"),
        pytest.param("manychat/bare", MANYCHAT, 503, "not_configured", id="a page without a secret"),
        pytest.param("nobody", {}, 404, "not_found", id="no such source"),
        pytest.param("bare", {}, 503, "not_configured", id="a source without a secret"),
        pytest.param("shop", {}, 401, "authentication", id="unsigned"),
    ],
)
async def test_who_cannot_prove_who_they_are_is_refused(
    caller: httpx.AsyncClient, desk: Desk, path: str, headers: dict[str, Any], status: int, code: str
) -> None:
    answer = await caller.post(f"/webhooks/{path}", json=update(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await jobs_of(desk) == []
    assert "telegram-secret" not in answer.text


async def test_the_admin_token_opens_no_webhook(desk: Desk) -> None:
    async with desk.client() as admin:
        assert (await admin.post("/webhooks/telegram/shop", json=update())).status_code == 401


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_while_a_secret_is_replaced_both_count(caller: httpx.AsyncClient, desk: Desk, secret: str) -> None:
    payload = {"type": "book.new", "data": {"url": "https://shop.example/1"}}
    answer = await caller.post("/webhooks/shop", **signed(payload, secret=secret))
    (job,) = await jobs_of(desk)
    assert answer.json()["job_id"] == job.job_id and job.queue == "webhooks"
    event = WebhookEvent.model_validate(job.params["event"])
    assert (event.event, event.pipeline, event.webhook_id) == ("book.new", "book_review", "msg_1")
    assert json.loads(event.payload) == payload


async def test_a_sender_that_cannot_sign_proves_itself_by_a_secret_in_a_header(
    caller: httpx.AsyncClient, desk: Desk
) -> None:
    event = {"type": "book.listed", "data": {"url": "https://shop.example/dp/1"}}
    answers = [
        await caller.post("/webhooks/shop", json=event, headers={"X-Millrace-Secret": secret})
        for secret in (NEW, NEW, "another")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert [answer.json()["duplicate"] for answer in answers[:2]] == [False, True]
    assert len(await jobs_of(desk)) == 1


async def test_a_secret_in_a_header_does_not_stand_in_for_a_signature_that_is_wrong(
    caller: httpx.AsyncClient, desk: Desk
) -> None:
    request = signed({"type": "book.listed"})
    request["headers"] |= {"webhook-signature": "v1,bm8=", "X-Millrace-Secret": NEW}
    assert (await caller.post("/webhooks/shop", **request)).status_code == 401
    assert not await jobs_of(desk)


async def test_a_forged_body_under_a_real_signature_is_refused(caller: httpx.AsyncClient, desk: Desk) -> None:
    request = signed({"type": "book.new", "data": {"url": "https://shop.example/1"}})
    answer = await caller.post("/webhooks/shop", **{**request, "content": request["content"].replace(b"/1", b"/2")})
    assert answer.status_code == 401 and await jobs_of(desk) == []


async def test_an_event_that_no_rule_knows_is_acknowledged(caller: httpx.AsyncClient, desk: Desk) -> None:
    for payload, kind in (({"type": "cat.seen"}, "no_rule"), ({"cat": "seen"}, "no_event_type")):
        answer = await caller.post("/webhooks/shop", **signed(payload))
        assert answer.json() == {"ok": True, "ignored": kind}
    assert await jobs_of(desk) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"update_id":1,"update_id":2}', 422, id="a key twice"),
        pytest.param(b'{"update_id":NaN}', 422, id="NaN"),
        pytest.param(b'{"update_id":1,"message":{"text":"\\ud800"}}', 422, id="half a surrogate pair"),
        pytest.param(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", 422, id="too deep"),
        pytest.param(b'{"a":"' + b"x" * 1_100_000 + b'"}', 413, id="too large"),
        pytest.param(b"{", 422, id="cut off"),
        pytest.param(b"", 422, id="empty"),
        pytest.param(b"[]", 422, id="no object"),
        pytest.param(b'{"update_id":%s}' % (b"1" * 5000), 422, id="a number without end"),
    ],
)
async def test_a_body_that_is_no_sound_json_is_a_problem_of_its_sender(
    caller: httpx.AsyncClient, desk: Desk, body: bytes, status: int
) -> None:
    headers = {**TELEGRAM, "Content-Type": "application/json"}
    answer = await caller.post("/webhooks/telegram/shop", content=body, headers=headers)
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    assert await jobs_of(desk) == []


async def test_a_pressed_button_is_answered_in_the_ack(caller: httpx.AsyncClient) -> None:
    query = {"id": "99", "from": {"id": 42}, "data": "yes", "message": {"chat": {"id": 42}}}
    answer = await caller.post(
        "/webhooks/telegram/shop", json={"update_id": 5, "callback_query": query}, headers=TELEGRAM
    )
    assert (answer.json()["method"], answer.json()["callback_query_id"]) == ("answerCallbackQuery", "99")


async def test_manychat_is_answered_with_an_empty_block_and_the_reply_goes_by_its_api(
    caller: httpx.AsyncClient, desk: Desk
) -> None:
    body = {"subscriber": {"id": "9"}, "last_input_text": "hi"}
    answer = await caller.post("/webhooks/manychat/page", json=body, headers=MANYCHAT)
    assert answer.json() == {"version": "v2", "content": {"messages": []}}
    (job,) = await jobs_of(desk)
    assert "inline" not in job.params


def inline(**changes: Any) -> KnownAccounts:
    account = ManyChatPage(api_key=SecretStr("k"), webhook_secret=SecretStr("manychat-secret"), answer_inline=True)
    return KnownAccounts(account.model_copy(update=changes))


async def test_a_reply_in_time_is_the_answer_of_the_request_itself() -> None:
    desk = await open_desk(accounts=inline())
    async with desk.client(token=None) as caller:
        body = {"subscriber": {"id": "9"}, "last_input_text": "hi"}
        asking = asyncio.create_task(caller.post("/webhooks/manychat/page", json=body, headers=MANYCHAT))
        await until(lambda: bool(desk.starter.started))
        carried = await InlineReplies(desk.documents, poll_seconds=0.01).deliver(desk.starter.started[0], "Hello, Ana.")
        answer = await asking
    assert carried
    assert answer.json()["content"]["messages"] == [{"type": "text", "text": "Hello, Ana."}]


async def test_a_reply_that_comes_too_late_is_left_to_the_api() -> None:
    desk = await open_desk(accounts=inline(inline_seconds=0.05))
    async with desk.client(token=None) as caller:
        body = {"subscriber": {"id": "9"}, "last_input_text": "hi"}
        answer = await caller.post("/webhooks/manychat/page", json=body, headers=MANYCHAT)
    assert answer.json()["content"]["messages"] == []
    await until(lambda: bool(desk.starter.started))
    assert not await InlineReplies(desk.documents, poll_seconds=0.01).deliver(desk.starter.started[0], "Hello, Ana.")


async def test_the_same_words_a_moment_later_are_a_duplicate_and_other_words_are_not(
    caller: httpx.AsyncClient, desk: Desk
) -> None:
    for words in ("yes", "yes", "no", "yes"):
        body = {"subscriber": {"id": "9"}, "last_input_text": words}
        await caller.post("/webhooks/manychat/page", json=body, headers=MANYCHAT)
    assert [job.params["message"]["text"] for job in await jobs_of(desk)] == ["yes", "no", "yes"]


async def test_what_happened_at_the_door_is_counted(desk: Desk) -> None:
    async with desk.client(token=None) as caller:
        for headers in (TELEGRAM, TELEGRAM, {}):
            await caller.post("/webhooks/telegram/shop", json=update(), headers=headers)
        await caller.post("/webhooks/telegram/shop", json={"update_id": 2, "poll": {}}, headers=TELEGRAM)
    async with desk.client() as admin:
        text = (await admin.get("/metrics")).text
    for line in (
        'millrace_webhooks_taken_total{platform="telegram"} 1.0',
        'millrace_webhooks_duplicate_total{platform="telegram"} 1.0',
        'millrace_webhooks_refused_total{platform="telegram"} 1.0',
        'millrace_webhooks_ignored_total{kind="poll",platform="telegram"} 1.0',
        "millrace_ambiguous_effects 0.0",
    ):
        assert line in text
