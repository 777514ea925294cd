"""The queues over HTTP: what waits, what runs, and emptying one."""

from __future__ import annotations

import logging

import httpx
import pytest

from gateway.identity import Identity, Role
from gateway.signing import Signer
from spine.contracts.jobs import JobStatus
from spine.presence import LaneStatus
from tests.gateway.gateway_desk import Desk


async def figures(client: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    return {one["queue"]: one for one in (await client.get("/api/queues")).json()["items"]}


async def test_each_queue_shows_its_depth_age_flow_and_lanes(client: httpx.AsyncClient, desk: Desk) -> None:
    ledger = desk.context.ledger
    for number in range(4):
        await ledger.create("conversation", f"s{number}", queue="llm", idempotency_key=f"k{number}")
    jobs = [job for number in range(4) if (job := await ledger.by_key(f"k{number}"))]
    await ledger.begin(jobs[0].job_id, "lane-1")
    await desk.finish(jobs[1].job_id)
    await desk.presence.announce(LaneStatus(name="live", worker="a:1", queues={"llm": 200}))
    await desk.presence.announce(LaneStatus(name="live", worker="a:2", queues={"llm": 200, "extra": 1}))
    shown = await figures(client)
    llm = shown["llm"]
    assert (llm["depth"], llm["in_flight"], llm["rate_per_minute"]) == (2, 1, 1)
    assert (llm["lanes"], llm["width"]) == (["live"], 400)
    assert isinstance(llm["oldest_age"], float) and 0 <= llm["oldest_age"] < 60
    assert (shown["crm"]["depth"], shown["crm"]["oldest_age"], shown["crm"]["lanes"]) == (0, 0, [])
    assert "extra" in shown


async def test_a_purge_revokes_what_waits_and_leaves_what_runs(
    client: httpx.AsyncClient, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="millrace.audit")
    ledger = desk.context.ledger
    running, _ = await ledger.create("conversation", "s0", queue="llm")
    await ledger.begin(running.job_id, "lane-1")
    for number in range(450):
        await ledger.create("conversation", f"s{number}", queue="llm")
    other, _ = await ledger.create("conversation", "s0", queue="crm")
    assert (await client.post("/api/queues/llm/purge")).json() == {"queue": "llm", "revoked": 450}
    assert (await ledger.get(running.job_id)).status is JobStatus.STARTED
    assert (await ledger.get(other.job_id)).status is JobStatus.PENDING
    assert "llm was purged by admin (bearer): 450 jobs" in caplog.text


async def test_a_purged_review_tells_its_submission(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await client.post("/api/queues/pipelines/purge")
    assert (await client.get(f"/submissions/{made['submission_id']}")).json()["status"] == "failed"


async def test_an_unknown_queue_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/queues/nowhere/purge")).status_code == 404


async def test_only_an_administrator_empties_a_queue(desk: Desk) -> None:
    signer: Signer = desk.app.state.gateway.signer
    editor = Identity(name="ed", role=Role.EDITOR, via="session")
    cookie = signer.sign("session", 60, {"name": editor.name, "role": str(editor.role)})
    name = desk.app.state.gateway.authenticator.cookie
    headers = {"Origin": "http://gateway.test", "Sec-Fetch-Site": "same-origin"}
    async with desk.client(token=None, cookies={name: cookie}) as caller:
        assert (await caller.post("/api/queues/llm/purge", headers=headers)).status_code == 403
