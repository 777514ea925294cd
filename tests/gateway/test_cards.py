"""Cards over HTTP: loading, running, trying again, listing, and what the agents wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gateway.card_logs import ArchivedLine
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import CardStatus
from spine.contracts.jobs import Job, JobError, JobStatus, Usage
from spine.contracts.progress import ProgressEvent
from spine.documents import CARDS
from tests.gateway.gateway_desk import Desk, open_desk

CARD = {"card_id": "CARD-1", "title": "Write it", "squad": "web", "priority": 7}


async def load(client: httpx.AsyncClient, *cards: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/api/backlog", json=[*cards])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def run(client: httpx.AsyncClient, card_id: str = "CARD-1", **body: Any) -> str:
    answer = await client.post(f"/api/cards/{card_id}/run", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


async def begin(desk: Desk, job_id: str) -> Job:
    job = await desk.context.ledger.begin(job_id, "lane-1")
    assert job is not None
    await CardRuns(desk.documents).begin(job)
    return job


async def fail(desk: Desk, job_id: str) -> Job:
    job = await begin(desk, job_id)
    error = JobError(error_class="AgentFailedError", message="The agent ended with exit code 1.", step="codex")
    await CardRuns(desk.documents).write(job, last_lines=["reading", "giving up"], agent="codex")
    await CardDesk(desk.documents, desk.context.ledger).note(job, CardStatus.FAILED, error.message)
    ended = await desk.context.ledger.fail(job, error, Usage())
    assert ended is not None
    return ended


# -- loading ---------------------------------------------------------------------------------------------------------


async def test_a_backlog_is_loaded_and_says_what_changed(client: httpx.AsyncClient) -> None:
    assert (await load(client, CARD))["created"] == ["CARD-1"]
    assert (await load(client, CARD))["unchanged"] == ["CARD-1"]
    report = await load(client, {**CARD, "title": "Write it well"}, {"card_id": "b", "title": "b"})
    assert (report["loaded"], report["changed"], report["created"]) == (2, ["CARD-1"], ["b"])


@pytest.mark.parametrize(
    ("cards", "field"),
    [
        pytest.param([CARD, {"card_id": "b"}], "cards[1].title", id="a card that does not fit"),
        pytest.param([{**CARD, "depends_on": ["x"]}], "CARD-1.depends_on", id="an unknown dependency"),
        pytest.param([{**CARD, "depends_on": ["CARD-1"]}], None, id="a cycle"),
        pytest.param("cards", None, id="no list"),
    ],
)
async def test_one_bad_card_refuses_the_file_and_stores_nothing(
    client: httpx.AsyncClient, desk: Desk, cards: Any, field: str | None
) -> None:
    answer = await client.post("/api/backlog", json=cards)
    assert answer.status_code == 422, answer.text
    assert field is None or field in [error["field"] for error in answer.json()["errors"]]
    assert await desk.documents.count(CARDS) == 0


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        pytest.param("PUT /api/backlog/policy", {"max_retries": True}, "max_retries", id="retries"),
        pytest.param("PUT /api/backlog/policy", {"retry_delay": "60"}, "retry_delay", id="delay"),
        pytest.param("PUT /api/backlog/policy", {"retryable_exits": [True]}, "retryable_exits.0", id="exit code"),
        pytest.param("POST /api/backlog/run", {"concurrency": True}, "concurrency", id="concurrency"),
    ],
)
async def test_a_number_is_neither_a_yes_nor_a_text(
    client: httpx.AsyncClient, call: str, body: dict[str, Any], field: str
) -> None:
    answer = await client.request(*call.split(), json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


# -- running ---------------------------------------------------------------------------------------------------------


async def test_a_card_is_given_to_an_agent_by_a_job_of_its_own(client: httpx.AsyncClient, desk: Desk) -> None:
    await load(client, CARD)
    job_id = await run(client, agent="codex")
    [job] = desk.starter.started
    assert (job.job_id, job.pipeline, job.subject_id, job.queue) == (job_id, "card_execution", "CARD-1", "cards")
    assert (job.params, job.max_attempts) == ({"card_id": "CARD-1", "agent": "codex"}, 4)


async def test_a_run_may_bring_its_card_along(client: httpx.AsyncClient) -> None:
    await run(client, card=CARD)
    assert (await client.get("/api/cards/CARD-1")).json()["card"]["priority"] == 7
    refused = await client.post("/api/cards/other/run", json={"card": CARD})
    assert refused.status_code == 422 and "as in the path" in refused.json()["detail"]


async def test_a_card_that_runs_is_not_run_twice_at_once(client: httpx.AsyncClient, desk: Desk) -> None:
    await load(client, CARD)
    job_id = await run(client)
    refused = await client.post("/api/cards/CARD-1/run")
    assert refused.status_code == 409 and job_id in refused.json()["detail"]
    refused = await client.post("/api/cards/CARD-1/run", json={"card": {**CARD, "title": "Another"}})
    assert refused.status_code == 409
    assert (await client.get("/api/cards/CARD-1")).json()["card"]["title"] == CARD["title"]
    await fail(desk, job_id)
    assert await run(client) != job_id


async def test_the_same_key_gives_the_same_run(client: httpx.AsyncClient) -> None:
    await load(client, CARD)
    key = {"Idempotency-Key": "k1"}
    first = (await client.post("/api/cards/CARD-1/run", headers=key)).json()["job_id"]
    assert (await client.post("/api/cards/CARD-1/run", headers=key)).json()["job_id"] == first
    again = await client.post("/api/cards/CARD-1/run", headers=key, json={"card": CARD})
    assert again.json()["job_id"] == first
    for other in ({"agent": "nope"}, {"card": {**CARD, "title": "Another"}}):
        refused = await client.post("/api/cards/CARD-1/run", headers=key, json=other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await client.get("/api/cards/CARD-1")).json()["card"]["title"] == CARD["title"]


async def test_a_card_waits_for_what_it_depends_on(client: httpx.AsyncClient) -> None:
    await load(client, CARD, {"card_id": "b", "title": "b", "depends_on": ["CARD-1"]})
    refused = await client.post("/api/cards/b/run")
    assert refused.status_code == 409 and "CARD-1, which is PENDING" in refused.json()["detail"]


async def test_a_card_that_there_is_not_is_a_404(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("POST", "cards/x/run"),
        ("GET", "cards/x"),
        ("POST", "tasks/x/retry"),
        ("GET", "tasks/x/logs"),
    ):
        assert (await client.request(method, f"/api/{path}")).status_code == 404


async def test_a_backlog_runs_as_one_summary_job(client: httpx.AsyncClient, desk: Desk) -> None:
    assert (await client.post("/api/backlog/run")).status_code == 409  # nothing to run
    await load(client, CARD, {"card_id": "b", "title": "b", "squad": "app"})
    answer = await client.post("/api/backlog/run", json={"squad": "web", "concurrency": 2})
    assert answer.status_code == 202 and answer.json()["cards"] == 1
    [job] = desk.starter.started
    assert (job.job_id, job.pipeline, job.queue) == (answer.json()["job_id"], "run_backlog", "batches")
    assert job.params == {"squad": "web", "mode": "dependencies", "concurrency": 2, "card_ids": ["CARD-1"]}


@pytest.mark.parametrize(
    "body", [{"concurrency": 0}, {"concurrency": 65}, {"mode": "random"}, {"squads": "x"}], ids=str
)
async def test_a_backlog_order_that_does_not_fit_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/api/backlog/run", json=body)).status_code == 422


async def test_a_waiting_run_that_is_cancelled_fails_its_card(client: httpx.AsyncClient) -> None:
    await load(client, CARD)
    await client.post(f"/api/jobs/{await run(client)}/cancel")
    card = (await client.get("/api/cards/CARD-1")).json()
    assert (card["status"], card["run"]["status"]) == ("FAILED", "REVOKED") and "cancelled" in card["reason"]


async def test_the_policy_can_be_read_and_replaced(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/api/backlog/policy")).json()
    assert (policy["default_agent"], policy["retry_delay"], policy["max_retries"]) == ("echo-agent", 60.0, 3)
    changed = {"default_agent": "codex", "rules": [{"agent": "aider", "squad": "web"}], "max_retries": 1}
    assert (await client.put("/api/backlog/policy", json=changed)).status_code == 200
    assert (await client.get("/api/backlog/policy")).json()["rules"][0]["agent"] == "aider"
    assert (await client.put("/api/backlog/policy", json={"max_retries": 4})).status_code == 422


# -- the list --------------------------------------------------------------------------------------------------------


async def test_cards_are_listed_with_their_runs_the_urgent_ones_first(client: httpx.AsyncClient, desk: Desk) -> None:
    await load(client, {"card_id": "b", "title": "b", "priority": 1}, CARD)
    ended = await fail(desk, await run(client))
    page = (await client.get("/api/cards/enhanced")).json()
    assert (page["total"], page["next"]) == (2, None)
    urgent, other = page["items"]
    assert (other["card_id"], other["run"], other["logs_available"]) == ("b", None, False)
    assert (urgent["card_id"], urgent["status"], urgent["logs_available"]) == ("CARD-1", "FAILED", True)
    run_of = urgent["run"]
    assert run_of["job_id"] == ended.job_id and run_of["agent"] == "codex" and run_of["worker"] == "lane-1"
    assert (run_of["status"], run_of["retries"], run_of["max_retries"]) == ("FAILURE", 0, 3)
    assert run_of["elapsed"] >= 0 and run_of["eta"] == 0.0 and run_of["result"] is None
    assert "AgentFailedError in codex: The agent ended" in run_of["traceback"] and "giving up" in run_of["traceback"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        pytest.param({"squad": "web"}, ["CARD-1"], id="squad"),
        pytest.param({"status": "PENDING"}, ["b"], id="status"),
        pytest.param({"status": "FAILED", "squad": "app"}, [], id="both"),
        pytest.param({"limit": 1}, ["CARD-1"], id="limit"),
    ],
)
async def test_cards_are_listed_by_what_is_asked(
    client: httpx.AsyncClient, desk: Desk, params: dict[str, Any], found: list[str]
) -> None:
    await load(client, CARD, {"card_id": "b", "title": "b", "squad": "app"})
    await fail(desk, await run(client))
    page = (await client.get("/api/cards/enhanced", params=params)).json()
    assert [item["card_id"] for item in page["items"]] == found
    assert (page["next"] is not None) == ("limit" in params)


async def test_a_run_that_goes_on_says_how_far_it_is(client: httpx.AsyncClient, desk: Desk) -> None:
    await load(client, CARD)
    job = await begin(desk, await run(client))
    await desk.context.ledger.progress(job, 40, "edit a.py")
    shown = (await client.get("/api/cards/CARD-1")).json()["run"]
    assert (shown["status"], shown["progress"], shown["current_step"]) == ("PROGRESS", 40, "edit a.py")
    assert shown["traceback"] is None


# -- trying again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "force", "status"),
    [
        pytest.param("none", False, 404, id="no run"),
        pytest.param("none", True, 404, id="no run, forced"),
        pytest.param("FAILURE", False, 202, id="failed"),
        pytest.param("REVOKED", False, 202, id="cancelled"),
        pytest.param("RETRY", False, 202, id="waiting for its next attempt"),
        pytest.param("PENDING", False, 400, id="waiting for its first attempt"),
        pytest.param("STARTED", False, 400, id="running"),
        pytest.param("SUCCESS", False, 400, id="done"),
        pytest.param("PENDING", True, 202, id="waiting, forced"),
        pytest.param("SUCCESS", True, 202, id="done, forced"),
    ],
)
async def test_what_may_be_tried_again(
    client: httpx.AsyncClient, desk: Desk, state: str, force: bool, status: int
) -> None:
    await load(client, CARD)
    old = await _in_state(client, desk, state)
    answer = await client.post("/api/tasks/CARD-1/retry", json={"force": force})
    assert answer.status_code == status, answer.text
    said = answer.json()
    if status == 400:
        assert (said["code"], said["state"]) == ("not_retryable", state) and state in said["detail"]
    if status == 202:
        assert said["old_job_id"] == old and said["job_id"] == said["new_job_id"] != old
        assert (await client.get("/api/cards/CARD-1")).json()["run"]["job_id"] == said["new_job_id"]
        assert (await client.get(f"/api/jobs/{old}")).json()["status"] in ("FAILURE", "REVOKED", "SUCCESS")


async def test_a_retry_that_may_not_begin_leaves_the_run_that_waits_as_it_is(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await load(client, CARD)
    waiting = await _in_state(client, desk, "RETRY")
    await load(client, {"card_id": "first", "title": "First"}, {**CARD, "depends_on": ["first"]})
    answer = await client.post("/api/tasks/CARD-1/retry", json={})
    assert answer.status_code == 409 and "depends on first" in answer.json()["detail"]
    assert (await client.get(f"/api/jobs/{waiting}")).json()["status"] == "RETRY"


async def test_a_run_that_goes_on_is_stopped_before_the_forced_one_begins(
    client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load(client, CARD)
    job = await begin(desk, await run(client, agent="codex"))
    heartbeats: list[JobStatus] = []

    async def look(seconds: float) -> None:
        """Be the lane: the next heartbeat sees the cancel."""
        seen = await desk.context.ledger.heartbeat(job)
        assert seen is not None and seen.cancel_requested
        heartbeats.append(seen.status)
        assert len(desk.starter.started) == 1
        await desk.context.ledger.revoke(job)

    monkeypatch.setattr("gateway.routes.cards.asyncio.sleep", look)
    said = (await client.post("/api/tasks/CARD-1/retry", json={"force": True})).json()
    assert heartbeats and (said["old_job_id"], said["old_status"]) == (job.job_id, "REVOKED")
    assert desk.starter.started[-1].job_id == said["new_job_id"]
    assert desk.starter.started[-1].params["agent"] == "codex"


async def test_a_run_that_does_not_stop_in_time_keeps_its_card(
    client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.routes.cards.STOP_SECONDS", 0.05)
    await load(client, CARD)
    job = await begin(desk, await run(client))
    answer = await client.post("/api/tasks/CARD-1/retry", json={"force": True})
    assert answer.status_code == 409 and "still goes on" in answer.json()["detail"]
    assert (await client.get("/api/cards/CARD-1")).json()["run"]["job_id"] == job.job_id


async def _in_state(client: httpx.AsyncClient, desk: Desk, state: str) -> str:
    if state == "none":
        return ""
    job_id, ledger = await run(client), desk.context.ledger
    if state == "PENDING":
        return job_id
    if state == "REVOKED":
        await client.post(f"/api/jobs/{job_id}/cancel")
    elif state == "FAILURE":
        await fail(desk, job_id)
    else:
        job = await begin(desk, job_id)
        if state == "SUCCESS":
            await ledger.succeed(job, {}, Usage())
        elif state == "RETRY":
            await ledger.retry_later(job, JobError(error_class="AgentInterruptedError", message="75"), 60)
    return job_id


# -- what the agents wrote -------------------------------------------------------------------------------------------


async def write(desk: Desk, job_id: str, *lines: str) -> None:
    for line in lines:
        event = ProgressEvent(type="log", job_id=job_id, message=line, stream="stdout", timestamp=datetime.now(UTC))
        await desk.progress.publish(event)


async def test_the_live_log_is_given_without_colours_and_without_other_events(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await load(client, CARD)
    job_id = await run(client)
    await write(desk, job_id, "\x1b[32mgreen\x1b[0m \x1b]0;title\x07text")
    await desk.tell(job_id, 50)
    page = (await client.get("/api/tasks/CARD-1/logs")).json()
    [entry] = page["items"]
    assert (entry["message"], entry["stream"], entry["task_id"], entry["level"]) == (
        "green text",
        "stdout",
        job_id,
        "info",
    )
    assert (page["source"], page["next"]) == ("live", None) and entry["seq"] and entry["timestamp"]


async def test_without_since_the_latest_lines_are_given_and_with_it_those_after(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await load(client, CARD)
    job_id = await run(client)
    await write(desk, job_id, *(f"line {number}" for number in range(1, 2501)))

    async def lines(**params: int) -> tuple[list[str], int | None]:
        page = (await client.get("/api/tasks/CARD-1/logs", params=params)).json()
        return [entry["message"] for entry in page["items"]], page["next"]

    assert await lines(limit=2) == (["line 2499", "line 2500"], None)
    first, following = await lines(limit=2, since=0)
    assert first == ["line 1", "line 2"] and following is not None
    assert (await lines(limit=1, since=following))[0] == ["line 3"]
    everything, since = 0, 0
    while since is not None:
        some, since = await lines(limit=1000, since=since)
        everything += len(some)
    assert everything == 2500


async def test_a_log_whose_live_lines_are_gone_is_read_from_the_compressed_files() -> None:
    written = datetime.now(UTC)
    logs = {"/logs/1.log.gz": ["first", "\x1b[1msecond\x1b[0m"], "/logs/2.log.gz": ["third"]}

    def read(log: str) -> Iterator[ArchivedLine]:
        if log not in logs:
            raise FileNotFoundError(log)
        return (ArchivedLine(written, "stdout", line) for line in logs[log])

    desk = await open_desk(read_archive=read)
    async with desk.client() as client:
        await load(client, CARD)
        job = await begin(desk, await run(client))
        for log in ("/logs/1.log.gz", "/logs/removed.log.gz", "/logs/2.log.gz"):
            await CardRuns(desk.documents).write(job, push={"logs": log})
        await write(desk, job.job_id, "live")
        assert (await client.get("/api/tasks/CARD-1/logs")).json()["items"][0]["message"] == "live"
        archive = (await client.get("/api/tasks/CARD-1/logs?archive=true")).json()
        await desk.progress.forget([job.job_id])
        page = (await client.get("/api/tasks/CARD-1/logs")).json()
        assert page == archive and page["source"] == "archive"
        assert [(one["seq"], one["message"]) for one in page["items"]] == [(1, "first"), (2, "second"), (3, "third")]
        page = (await client.get("/api/tasks/CARD-1/logs", params={"since": 1, "limit": 1})).json()
        assert [one["message"] for one in page["items"]] == ["second"] and page["next"] == 2
        assert (await client.get("/api/cards/CARD-1")).json()["logs_available"] is True


async def test_a_stranger_sees_no_card(stranger: httpx.AsyncClient) -> None:
    for path in ("/api/cards/enhanced", "/api/tasks/CARD-1/logs", "/api/backlog/policy"):
        assert (await stranger.get(path)).status_code == 401
