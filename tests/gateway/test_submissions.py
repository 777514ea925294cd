"""Giving a book for review, and what the review desk lets people do."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from spine.documents import JOBS, SUBMISSIONS
from tests.gateway.gateway_desk import BOOK_URL, Desk


async def test_a_submission_is_stored_started_and_told_of(client: httpx.AsyncClient, desk: Desk) -> None:
    answer = await client.post("/submit", json={"amazon_url": BOOK_URL})
    assert answer.status_code == 202
    made = answer.json()
    assert set(made) == {"submission_id", "job_id", "status"} and made["status"] == "pending"
    assert [job.job_id for job in desk.starter.started] == [made["job_id"]]
    [event] = await desk.progress.read(made["job_id"])
    assert (event.type, event.status, event.subject_id) == ("state", "PENDING", made["submission_id"])


@pytest.mark.parametrize("field", ["amazon_url", "goodreads_url", "author_site", "other_links"])
async def test_a_blocked_address_is_refused_before_anything_is_stored(
    client: httpx.AsyncClient, desk: Desk, field: str
) -> None:
    private = "http://127.0.0.1:9/x"
    body: dict[str, Any] = {"amazon_url": BOOK_URL, field: [BOOK_URL, private] if field == "other_links" else private}
    answer = await client.post("/submit", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "blocked_url")
    assert await desk.documents.count(SUBMISSIONS) == await desk.documents.count(JOBS) == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"amazon_url": "not a url"}, id="not an address"),
        pytest.param({"amazon_url": "file:///etc/passwd"}, id="another scheme"),
        pytest.param({"amazon_url": BOOK_URL, "surprise": 1}, id="an unknown field"),
        pytest.param({"amazon_url": BOOK_URL, "min_words": 900, "max_words": 800}, id="bounds that cross"),
        pytest.param({"amazon_url": BOOK_URL, "pipeline_id": "no-such"}, id="an unknown pipeline"),
        pytest.param({"amazon_url": BOOK_URL, "pipeline_id": "conversation"}, id="a pipeline of something else"),
        pytest.param({"amazon_url": BOOK_URL, "other_links": [BOOK_URL] * 51}, id="too many links"),
    ],
)
async def test_bad_input_stores_nothing(client: httpx.AsyncClient, desk: Desk, body: dict[str, Any]) -> None:
    answer = await client.post("/submit", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert await desk.documents.count(JOBS) == 0


async def test_a_queue_that_is_down_delays_a_job_and_loses_nothing(client: httpx.AsyncClient, desk: Desk) -> None:
    desk.starter.down = True
    answer = await client.post("/submit", json={"amazon_url": BOOK_URL})
    assert answer.status_code == 202
    assert (await desk.context.ledger.get(answer.json()["job_id"])).status == "PENDING"


# -- idempotency ---------------------------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_submission(client: httpx.AsyncClient, desk: Desk) -> None:
    send = lambda: client.post("/submit", json={"amazon_url": BOOK_URL}, headers={"Idempotency-Key": "k1"})  # noqa: E731
    answers = await asyncio.gather(*(send() for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert await desk.documents.count(SUBMISSIONS) == await desk.documents.count(JOBS) == 1


async def test_without_a_key_every_call_is_a_new_submission(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/submit", json={"amazon_url": BOOK_URL}) for _ in range(2)]
    assert len({answer.json()["submission_id"] for answer in answers}) == 2


async def test_a_key_is_not_used_for_another_submission(client: httpx.AsyncClient, desk: Desk) -> None:
    key = {"Idempotency-Key": "k1"}
    await client.post("/submit", json={"amazon_url": BOOK_URL}, headers=key)
    answer = await client.post("/submit", json={"amazon_url": BOOK_URL + "?other"}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await desk.documents.count(SUBMISSIONS) == 1


async def test_a_key_goes_on_counting_after_the_job_has_ended(client: httpx.AsyncClient, desk: Desk) -> None:
    key = {"Idempotency-Key": "k1"}
    first = (await client.post("/submit", json={"amazon_url": BOOK_URL}, headers=key)).json()
    await desk.finish(first["job_id"])
    again = (await client.post("/submit", json={"amazon_url": BOOK_URL}, headers=key)).json()
    assert again["job_id"] == first["job_id"]
    assert len(desk.starter.started) == 1


# -- reading -------------------------------------------------------------------------------------------------------


async def test_submissions_are_listed_page_by_page_newest_first(client: httpx.AsyncClient, desk: Desk) -> None:
    made = [(await desk.submission())["submission_id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/submissions", params=params)).json()
        assert set(page) == {"items", "total", "next"} and page["total"] == 5
        seen += [item["submission_id"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(seen) == sorted(made) and len(seen) == 5


async def test_submissions_are_found_by_status_and_by_words(client: httpx.AsyncClient, desk: Desk) -> None:
    salt, other = await desk.submission(), await desk.submission(amazon_url="https://shop.example/other")
    await desk.documents.update(
        SUBMISSIONS, {"_id": other["submission_id"]}, set={"title": "Étoiles", "status": "failed"}
    )

    async def found(**params: str) -> list[str]:
        page = (await client.get("/submissions", params=params)).json()
        assert page["total"] == len(page["items"])
        return [item["submission_id"] for item in page["items"]]

    assert await found(status="failed") == [other["submission_id"]]
    assert await found(q="SALT-road") == [salt["submission_id"]]
    assert await found(q="étoiles") == [other["submission_id"]]
    assert await found(q=salt["submission_id"][4:]) == [salt["submission_id"]]
    assert await found(q="étoiles", status="pending") == []


async def test_a_search_has_pages_too(client: httpx.AsyncClient, desk: Desk) -> None:
    for number in range(5):
        await desk.submission(amazon_url=f"https://shop.example/{'odd' if number % 2 else 'even'}/{number}")
    first = (await client.get("/submissions", params={"q": "even", "limit": 2})).json()
    second = (await client.get("/submissions", params={"q": "even", "limit": 2, "cursor": first["next"]})).json()
    assert (len(first["items"]), len(second["items"]), second["next"], second["total"]) == (2, 1, None, 3)


# -- the article ---------------------------------------------------------------------------------------------------


async def test_an_article_is_read_with_its_revision_as_etag(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    path = f"/submissions/{made['submission_id']}/article"
    assert (await client.get(path)).status_code == 404
    await desk.article(made["submission_id"])
    await desk.article(made["submission_id"], title="Second")
    newest, oldest = await client.get(path), await client.get(path, params={"revision": 1})
    assert (newest.headers["etag"], newest.json()["title"]) == ('"2"', "Second")
    assert (oldest.headers["etag"], oldest.json()["title"]) == ('"1"', "The Salt Road")
    assert {"title", "content", "word_count", "revision", "status", "claims"} <= set(newest.json())
    assert (await client.get(path, params={"revision": 3})).status_code == 404


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param('"1"', 200, id="the revision that was read"),
        pytest.param('W/"1"', 200, id="as a weak tag"),
        pytest.param("1", 200, id="without quotes"),
        pytest.param("*", 200, id="any"),
        pytest.param(None, 200, id="not said"),
        pytest.param('"2"', 412, id="another revision"),
        pytest.param("abc", 412, id="no revision"),
    ],
)
async def test_an_edit_is_the_next_revision_unless_somebody_was_faster(
    client: httpx.AsyncClient, desk: Desk, if_match: str | None, status: int
) -> None:
    made = await desk.submission()
    await desk.article(made["submission_id"])
    path = f"/submissions/{made['submission_id']}/article"
    headers = {"If-Match": if_match} if if_match else {}
    answer = await client.put(path, json={"content": "one two three"}, headers=headers)
    assert answer.status_code == status
    if status == 200:
        edited = answer.json()
        assert (edited["revision"], edited["word_count"], edited["title"]) == (2, 3, "The Salt Road")
        assert (edited["author"], answer.headers["etag"]) == ("admin", '"2"')
    else:
        assert answer.json()["code"] == "revision_mismatch"
        assert (await client.get(path)).json()["revision"] == 1


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ({"title": "  ", "content": "text"}, "title"),
        ({"title": "a\0b", "content": "text"}, "title"),
        ({"content": "\n"}, "content"),
        ({"content": "a\0b"}, "content"),
    ],
    ids=repr,
)
async def test_an_edit_that_nobody_could_read_is_refused(
    client: httpx.AsyncClient, desk: Desk, edit: dict[str, str], field: str
) -> None:
    made = await desk.submission()
    await desk.article(made["submission_id"])
    answer = await client.put(f"/submissions/{made['submission_id']}/article", json=edit)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


async def test_a_long_title_is_accepted_only_when_it_is_the_stored_one(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    path = f"/submissions/{made['submission_id']}/article"
    long = ("The Salt Road " * 140).strip()
    await desk.article(made["submission_id"], title=long)
    kept = await client.put(path, json={"title": long, "content": "one"})
    assert (kept.status_code, kept.json()["title"]) == (200, long)
    refused = await client.put(path, json={"title": f"{long}!", "content": "one"})
    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (422, ["title"])
    assert "300 characters" in refused.json()["detail"]
    assert (await client.put(path, json={"title": "x" * 300, "content": "one"})).status_code == 200


async def test_an_article_is_approved_once_it_is_there(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    path = f"/submissions/{made['submission_id']}"
    await desk.article(made["submission_id"])
    assert (await client.post(f"{path}/approve")).json()["status"] == "approved"
    assert (await client.get(f"{path}/article")).json()["status"] == "approved"
    assert (await client.post(f"{path}/reject", json={"reason": "no"})).status_code == 409


@pytest.mark.parametrize("if_match", [None, '"1"'], ids=["", "with a revision"])
@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_a_decision_before_there_is_an_article_is_a_conflict(
    client: httpx.AsyncClient, desk: Desk, verdict: str, if_match: str | None
) -> None:
    made = await desk.submission()
    body = {"reason": "no"} if verdict == "reject" else None
    headers = {"If-Match": if_match} if if_match else {}
    early = await client.post(f"/submissions/{made['submission_id']}/{verdict}", json=body, headers=headers)
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    assert "no article yet" in early.json()["detail"] and "pending" in early.json()["detail"]
    unknown = await client.post(f"/submissions/sub_x/{verdict}", json=body, headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_a_decision_is_refused_when_there_is_a_newer_revision_than_was_read(
    client: httpx.AsyncClient, desk: Desk, verdict: str
) -> None:
    made = await desk.submission()
    await desk.article(made["submission_id"])
    path = f"/submissions/{made['submission_id']}"
    await client.put(f"{path}/article", json={"content": "## Edited\n\nBy somebody else."})

    async def decided(read: int) -> httpx.Response:
        body = {"reason": "no"} if verdict == "reject" else None
        return await client.post(f"{path}/{verdict}", json=body, headers={"If-Match": f'"{read}"'})

    refused = await decided(1)
    assert (refused.status_code, refused.json()["code"], refused.headers["etag"]) == (412, "revision_mismatch", '"2"')
    assert (await client.get(path)).json()["status"] == "ready_for_review"
    assert (await decided(2)).is_success


async def test_a_rejection_needs_a_reason(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.article(made["submission_id"])
    path = f"/submissions/{made['submission_id']}/reject"
    for body in ({}, {"reason": ""}, {"reason": "  "}):
        assert (await client.post(path, json=body)).status_code == 422
    answer = await client.post(path, json={"reason": "The dates are wrong."})
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    assert "rejected: The dates are wrong." in answer.json()["notes"]
    again = await client.post(path, json={"reason": "The dates are wrong."})
    assert (again.status_code, again.json()["notes"]) == (200, answer.json()["notes"])
    assert (await client.post(path, json={"reason": "The names too."})).status_code == 409


# -- running again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "body"),
    [("retry", None), ("retry", {"fresh": True}), ("retry_step", {"stage": "article_generation"})],
    ids=["retry", "retry fresh", "retry_step"],
)
async def test_a_retry_starts_a_new_job_when_the_last_one_has_ended(
    client: httpx.AsyncClient, desk: Desk, call: str, body: dict[str, Any] | None
) -> None:
    unknown = await client.post(f"/tasks/sub_x/{call}", json=body)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    made = await desk.submission()
    path = f"/tasks/{made['submission_id']}/{call}"
    running = await client.post(path, json=body)
    assert (running.status_code, running.json()["code"]) == (409, "conflict")
    await desk.fail(made["job_id"])
    answer = await client.post(path, json=body)
    assert answer.status_code == 202
    again = answer.json()
    assert again["submission_id"] == made["submission_id"] and again["job_id"] != made["job_id"]
    assert [job.job_id for job in desk.starter.started] == [made["job_id"], again["job_id"]]


async def test_a_retry_needs_no_body(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    assert (await client.post(f"/tasks/{made['submission_id']}/retry")).status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no stage"),
        pytest.param({"stage": "no_such_stage"}, id="an unknown stage"),
        pytest.param({"stage": "article_generation", "overrides": {"password": 1}}, id="an unknown override"),
        pytest.param({"stage": "article_generation", "overrides": {"input": "text"}}, id="an input that is no object"),
    ],
)
async def test_a_step_retry_names_a_stage_and_known_overrides(
    client: httpx.AsyncClient, desk: Desk, body: dict[str, Any]
) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    answer = await client.post(f"/tasks/{made['submission_id']}/retry_step", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert len(desk.starter.started) == 1


async def test_overrides_reach_the_submission(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    overrides = {"provider": "mistral", "input": {"metadata": {"title": "Another"}}}
    body = {"stage": "article_generation", "overrides": overrides}
    await client.post(f"/tasks/{made['submission_id']}/retry_step", json=body)
    stored = (await client.get(f"/submissions/{made['submission_id']}")).json()
    assert stored["overrides"] == {"article_generation": overrides}
    assert stored["epochs"]["article_generation"] == 1 and "amazon_scrape" not in stored["epochs"]
