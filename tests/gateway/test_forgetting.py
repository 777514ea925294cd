"""`DELETE /api/conversations/{session_id}`: who may, what is answered, and that a webhook that comes again is known."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from spine import arrivals
from spine.contracts.jobs import JobStatus
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARRIVALS, CONVERSATIONS, INDEXES, JOBS
from spine.idempotency import digest
from tests.gateway.furnishing import SESSION, add_conversation
from tests.gateway.gateway_desk import Desk, open_desk
from tests.gateway.webhook_desk import MANYCHAT, TELEGRAM, KnownAccounts, jobs_of

ANA = "/api/conversations/telegram:shop:4242"


@pytest.fixture
async def desk() -> Desk:
    return await open_desk(accounts=KnownAccounts())


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with desk.client() as caller:
        yield caller


def update(update_id: int = 1, text: str = "Of xylographs") -> dict[str, Any]:
    person = {"id": 4242, "is_bot": False, "first_name": "Zenobia"}
    return {"update_id": update_id, "message": {"from": person, "chat": {"id": 4242}, "date": 1, "text": text}}


async def wrote(client: httpx.AsyncClient, update_id: int = 1) -> dict[str, Any]:
    return (await client.post("/webhooks/telegram/shop", json=update(update_id), headers=TELEGRAM)).json()


async def test_a_webhook_that_comes_again_is_known_and_a_new_one_is_answered(
    client: httpx.AsyncClient, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="millrace.audit")
    first = await wrote(client)
    await desk.finish(first["job_id"], text="Xylographs, Zenobia?")
    await desk.tell(first["job_id"], 50.0, message="Zenobia's xylograph")
    gone = await client.delete(ANA)
    assert (gone.status_code, gone.json()["jobs"]) == (200, 1)
    assert "was forgotten by admin (bearer)" in caplog.text and "4242" not in caplog.text
    stored = str([await desk.documents.find(one) for one in INDEXES]) + str(desk.progress.events)
    assert not [word for word in ("ylograph", "Zenobia", "4242") if word in stored]

    again = await wrote(client)
    assert (again["job_id"], again["duplicate"]) == (first["job_id"], True)
    assert (await client.get(f"/api/jobs/{first['job_id']}")).json()["status"] == "SUCCESS"
    assert (await client.get(f"/run/{first['job_id']}")).status_code == 200
    new = await wrote(client, 2)
    assert new["duplicate"] is False
    assert [job.status for job in await jobs_of(desk)] == [JobStatus.SUCCESS, JobStatus.PENDING]


async def test_a_second_time_there_is_nothing_and_a_stranger_is_unknown(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.finish((await wrote(client))["job_id"])
    assert (await client.delete(ANA)).json()["jobs"] == 1
    again = await client.delete(ANA)
    assert (again.status_code, set(again.json().values())) == (200, {0})
    unknown = await client.delete("/api/conversations/nobody/at all")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_an_unanswered_message_is_refused_for_and_named(client: httpx.AsyncClient, desk: Desk) -> None:
    first = await wrote(client)
    refused = await client.delete(ANA)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert first["job_id"] in refused.json()["detail"]
    assert [job.params["message"]["user_name"] for job in await jobs_of(desk)] == ["Zenobia"]
    await client.post(f"/api/jobs/{first['job_id']}/cancel")
    assert (await client.delete(ANA)).status_code == 200
    assert (await client.post(f"/api/jobs/{first['job_id']}/redrive")).status_code == 409


async def test_a_message_without_an_id_is_known_as_long_as_it_may_come_again(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    body = {"id": "77", "last_input_text": "Of xylographs", "first_name": "Zenobia"}
    taken = await client.post("/webhooks/manychat/page", json=body, headers=MANYCHAT)
    await desk.finish(taken.headers["x-job-id"])
    [session] = [job.subject_id for job in await jobs_of(desk)]
    refused = await client.delete(f"/api/conversations/{session}")
    assert refused.status_code == 409 and "10 seconds" in refused.json()["detail"]
    earlier = iso(utc_now() - arrivals.SAME_WITHIN - timedelta(seconds=1))
    await desk.documents.update(ARRIVALS, {"_id": session}, set={"at": earlier})
    assert (await client.delete(f"/api/conversations/{session}")).status_code == 200
    assert await desk.documents.count(ARRIVALS) == 0


async def test_only_an_administrator_forgets(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_conversation(desk)
    made = await client.post("/api/tokens", json={"name": "ed", "role": "editor"})
    async with desk.client(token=made.json()["token"]) as editor:
        assert (await editor.delete(f"/api/conversations/{SESSION}")).status_code == 403
    assert await desk.documents.count(CONVERSATIONS, {"_id": SESSION}) == 1


async def test_a_call_with_a_key_that_was_forgotten_is_not_answered_again(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    said = {"session_id": "web:1", "user_message": "Of xylographs", "platform": "web"}
    first = await client.post("/api/messages", json=said, headers={"Idempotency-Key": "k"})
    await desk.finish(first.json()["job_id"])
    assert (await client.delete("/api/conversations/web:1")).status_code == 200
    again = await client.post("/api/messages", json=said, headers={"Idempotency-Key": "k"})
    assert again.status_code == 422 and await desk.documents.count(JOBS) == 1
    assert digest("web:1") in str(await desk.documents.find(JOBS))
