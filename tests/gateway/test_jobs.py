"""Jobs over HTTP: lists, events, cancel and redrive."""

from __future__ import annotations

import httpx

from spine.documents import JOBS
from tests.gateway.gateway_desk import Desk


async def test_jobs_are_listed_by_what_is_asked(client: httpx.AsyncClient, desk: Desk) -> None:
    first, second = await desk.submission(), await desk.submission()
    await desk.context.ledger.create("conversation", "session_1")
    await desk.fail(second["job_id"])

    async def found(**params: str) -> set[str]:
        page = (await client.get("/api/jobs", params=params)).json()
        assert page["total"] == len(page["items"]) and page["next"] is None
        return {item["job_id"] for item in page["items"]}

    assert await found(pipeline="book_review") == {first["job_id"], second["job_id"]}
    assert await found(status="FAILURE") == {second["job_id"]}
    assert await found(subject=first["submission_id"]) == {first["job_id"]}
    assert len(await found()) == 3


async def test_a_failed_job_shows_its_error(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    shown = (await client.get(f"/api/jobs/{made['job_id']}")).json()
    assert shown["error"]["class"] == "CaptchaError" and shown["error"]["step"] == "amazon_scrape"


async def test_a_waiting_job_is_cancelled_at_once_and_everyone_hears_of_it(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    made = await desk.submission()
    answer = await client.post(f"/api/jobs/{made['job_id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "REVOKED")
    assert (await desk.progress.read(made["job_id"]))[-1].status == "REVOKED"
    submission = (await client.get(f"/submissions/{made['submission_id']}")).json()
    assert submission["status"] == "failed" and submission["errors"][-1]["class"] == "JobCancelledError"
    assert (await client.post(f"/tasks/{made['submission_id']}/retry")).status_code == 202


async def test_a_running_job_is_asked_to_stop(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.context.ledger.begin(made["job_id"], "lane-1")
    answer = await client.post(f"/api/jobs/{made['job_id']}/cancel")
    assert answer.json() == {"job_id": made["job_id"], "status": "STARTED", "cancel_requested": True}


async def test_an_ended_job_is_not_cancelled(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.finish(made["job_id"])
    assert (await client.post(f"/api/jobs/{made['job_id']}/cancel")).status_code == 409
    assert (await client.post("/api/jobs/job_x/cancel")).status_code == 404


async def test_a_failed_job_is_put_back_to_work_and_a_finished_one_is_not(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    failed, finished = await desk.submission(), await desk.submission()
    await desk.fail(failed["job_id"])
    await desk.finish(finished["job_id"])
    answer = await client.post(f"/api/jobs/{failed['job_id']}/redrive")
    assert (answer.status_code, answer.json()["job_id"], answer.json()["status"]) == (202, failed["job_id"], "PENDING")
    assert desk.starter.started[-1].job_id == failed["job_id"]
    assert (await client.post(f"/api/jobs/{finished['job_id']}/redrive")).status_code == 409
    assert (await client.post("/api/jobs/job_x/redrive")).status_code == 404


# -- events over HTTP ----------------------------------------------------------------------------------------------


async def test_events_are_replayed_from_where_the_reader_left_off(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.tell(made["job_id"], 10, 20, 30)
    path = f"/api/jobs/{made['job_id']}/events"
    first = (await client.get(path, params={"limit": 3})).json()
    assert [item["seq"] for item in first["items"]] == [1, 2, 3] and first["next"] == 3
    rest = (await client.get(path, params={"since": first["next"]})).json()
    assert [item["seq"] for item in rest["items"]] == [4] and rest["next"] is None
    assert (await client.get(path, params={"since": 4})).json()["items"] == []
    assert (await client.get("/api/jobs/job_x/events")).status_code == 404


async def test_the_end_of_a_job_is_told_when_its_events_are_gone(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.finish(made["job_id"])
    desk.progress.events.clear()
    [event] = (await client.get(f"/api/jobs/{made['job_id']}/events", params={"since": 7})).json()["items"]
    assert (event["type"], event["status"], event["progress"], event["seq"]) == ("state", "SUCCESS", 100.0, 8)


async def test_an_end_that_the_reader_has_had_is_not_told_again(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.finish(made["job_id"])
    await desk.tell(made["job_id"], 100, type="state", status="SUCCESS")
    page = (await client.get(f"/api/jobs/{made['job_id']}/events", params={"since": 2})).json()
    assert page["items"] == []
    assert await desk.documents.count(JOBS) == 1


async def test_a_rerun_that_is_cancelled_while_it_waits_leaves_the_decision_as_it_was(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    made = await desk.submission()
    await desk.article(made["submission_id"])
    path = f"/submissions/{made['submission_id']}"
    await client.post(f"{path}/reject", json={"reason": "no"})
    await desk.finish(made["job_id"])
    rerun = await client.post(f"/tasks/{made['submission_id']}/retry_step", json={"stage": "article_generation"})
    await client.post(f"/api/jobs/{rerun.json()['job_id']}/cancel")
    assert (await client.get(path)).json()["status"] == "rejected"
