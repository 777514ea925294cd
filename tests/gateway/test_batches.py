"""Giving many books at once: what is taken, what is refused, and where the batch stands."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import httpx
import pytest

from gateway.limits import BodyLimits
from spine.batches import batch_from, item_key
from spine.documents import BATCHES, JOBS, SUBMISSIONS
from tests.gateway.gateway_desk import BOOK_URL, Desk, open_desk

TABLE = f"amazon_url,language\n{BOOK_URL}?1,de\n{BOOK_URL}?2,en\n"


def csv_body(text: str = TABLE) -> dict[str, Any]:
    return {"content": text.encode(), "headers": {"Content-Type": "text/csv; charset=utf-8"}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(csv_body(), id="csv"),
        pytest.param({"files": {"file": ("books.csv", TABLE.encode(), "text/csv")}}, id="the file of a form"),
        pytest.param({"json": [{"amazon_url": f"{BOOK_URL}?1"}, {"amazon_url": f"{BOOK_URL}?2"}]}, id="json list"),
        pytest.param(
            {"json": {"items": [{"amazon_url": f"{BOOK_URL}?1"}, {"amazon_url": BOOK_URL}]}}, id="json object"
        ),
    ],
)
async def test_a_batch_is_stored_with_one_summary_job_and_started(
    client: httpx.AsyncClient, desk: Desk, body: dict[str, Any]
) -> None:
    answer = await client.post("/submissions/batch", **body)
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert (made["accepted"], made["refused"], made["status"]) == (2, [], "PENDING")
    [job] = desk.starter.started
    assert (job.job_id, job.pipeline, job.subject_id) == (made["job_id"], "batch", made["batch_id"])
    assert job.queue == "batches" and job.params == {"batch_id": made["batch_id"]}
    assert await desk.documents.count(SUBMISSIONS) == 0  # they begin as places become free


async def test_rows_that_do_not_fit_are_told_and_the_others_taken(client: httpx.AsyncClient) -> None:
    rows = [
        {"amazon_url": BOOK_URL},
        {"amazon_url": "not a url"},
        {"amazon_url": "http://127.0.0.1:9/x"},
        {"amazon_url": BOOK_URL, "other_links": [BOOK_URL, "http://localhost/x"]},
        {"amazon_url": BOOK_URL, "pipeline_id": "no-such"},
        {"amazon_url": BOOK_URL, "min_words": 900, "max_words": 100},
        "a string",
    ]
    made = (await client.post("/submissions/batch", json=rows)).json()
    assert made["accepted"] == 1
    assert [(error["row"], error["field"]) for error in made["refused"]] == [
        (2, "amazon_url"),
        (3, "amazon_url"),
        (4, "other_links"),
        (5, "pipeline_id"),
        (6, "item"),
        (7, "item"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"json": []}, 422, id="an empty list"),
        pytest.param({"json": [{"amazon_url": BOOK_URL}] * 1001}, 422, id="1,001 items"),
        pytest.param({"json": [{"amazon_url": "x"}]}, 422, id="no row fits"),
        pytest.param({"json": "text"}, 422, id="no list"),
        pytest.param(csv_body("url\nx"), 422, id="a table without its column"),
        pytest.param(csv_body(""), 422, id="an empty table"),
        pytest.param({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, id="broken json"),
        pytest.param({"content": b"<x/>", "headers": {"Content-Type": "application/xml"}}, 415, id="another type"),
        pytest.param({"files": {"file": ("a.csv", b"x" * 6_000_000, "text/csv")}}, 413, id="too large"),
        pytest.param(
            {"content": b"--", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 422, id="an empty form"
        ),
    ],
)
async def test_what_is_no_batch_stores_nothing(
    client: httpx.AsyncClient, desk: Desk, body: dict[str, Any], status: int
) -> None:
    answer = await client.post("/submissions/batch", **body)
    assert answer.status_code == status, answer.text
    assert await desk.documents.count(BATCHES) == await desk.documents.count(JOBS) == 0


async def test_a_batch_may_be_larger_than_other_bodies_and_a_table_goes_nowhere_else() -> None:
    desk = await open_desk(limits=BodyLimits(max_bytes=1_000))
    async with desk.client() as client:
        rows = [{"amazon_url": f"{BOOK_URL}?{number}"} for number in range(100)]
        assert (await client.post("/submissions/batch", json=rows)).status_code == 202
        assert (await client.post("/submit", **csv_body())).status_code == 415


async def test_a_thousand_books_are_taken_at_once(client: httpx.AsyncClient) -> None:
    rows = "".join(f"{BOOK_URL}?{number}\n" for number in range(1000))
    made = (await client.post("/submissions/batch", **csv_body(f"amazon_url\n{rows}"))).json()
    assert made["accepted"] == 1000


async def test_the_same_key_gives_the_same_batch_and_is_used_for_no_other(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    def send(rows: list[dict[str, Any]]) -> Any:
        return client.post("/submissions/batch", json=rows, headers={"Idempotency-Key": "k"})

    answers = await asyncio.gather(*(send([{"amazon_url": BOOK_URL}]) for _ in range(5)))
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert await desk.documents.count(BATCHES) == await desk.documents.count(JOBS) == 1
    other = await send([{"amazon_url": f"{BOOK_URL}?other"}])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_batch_shows_where_each_of_its_items_stands(client: httpx.AsyncClient, desk: Desk) -> None:
    made = (await client.post("/submissions/batch", **csv_body())).json()
    stored = await desk.context.documents.get(BATCHES, made["batch_id"])
    assert stored is not None
    batch = batch_from(stored)
    key = item_key(batch, batch.items[0])
    submission, job = await desk.context.reviews.submit(
        batch.items[0].request, idempotency_key=key, parent_job_id=made["job_id"]
    )
    await desk.finish(job.job_id)
    await desk.context.desk.note(submission.submission_id, title="=HYPERLINK(evil)")
    state = (await client.get(f"/submissions/batch/{made['batch_id']}")).json()
    assert (state["total"], state["succeeded"], state["status"]) == (2, 1, "PENDING")
    assert [(item["row"], item["status"]) for item in state["items"]] == [(1, "SUCCESS"), (2, "WAITING")]
    assert state["items"][0]["submission_id"] == submission.submission_id

    exported = await client.get(f"/submissions/batch/{made['batch_id']}", params={"format": "csv"})
    assert exported.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["status"] for row in rows] == ["SUCCESS", "WAITING"]
    assert rows[0]["title"] == "'=HYPERLINK(evil)"


async def test_a_batch_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/submissions/batch/bat_none")).status_code == 404


async def test_a_stranger_gives_no_batch(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.post("/submissions/batch", **csv_body())).status_code == 401
