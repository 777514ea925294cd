"""Every refusal is a problem document that says what to do and shows no internals."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.limits import BodyLimits, check_depth
from gateway.problems import ProblemError, headers_of, problem_of, status_of
from spine import errors
from tests.gateway.gateway_desk import BEARER, BOOK_URL, Desk, open_desk, serving


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        pytest.param("GET", "/no/such", {}, 404, "not_found", id="unknown path"),
        pytest.param("GET", "/submissions/sub_x", {}, 404, "not_found", id="unknown submission"),
        pytest.param("GET", "/api/jobs/%00%ff", {}, 404, "not_found", id="an id that no text can be"),
        pytest.param("DELETE", "/submissions", {}, 405, "method_not_allowed", id="method"),
        pytest.param("POST", "/submit", {"json": {}}, 422, "invalid_input", id="field missing"),
        pytest.param("POST", "/submit", {"json": []}, 422, "invalid_input", id="not an object"),
        pytest.param("POST", "/submit", {}, 422, "invalid_input", id="no body"),
        pytest.param(
            "POST",
            "/submit",
            {"content": b"{", "headers": {"Content-Type": "application/json"}},
            422,
            "invalid_input",
            id="broken JSON",
        ),
        pytest.param(
            "POST",
            "/submit",
            {"content": b"\xff\xfe{}", "headers": {"Content-Type": "application/json"}},
            422,
            "invalid_input",
            id="not UTF-8",
        ),
        pytest.param(
            "POST", "/submit", {"content": b"amazon_url=x"}, 415, "unsupported_media_type", id="no media type"
        ),
        pytest.param("POST", "/submit", {"data": {"amazon_url": "x"}}, 415, "unsupported_media_type", id="a form"),
        pytest.param("POST", "/login", {"json": {"token": "x"}}, 415, "unsupported_media_type", id="JSON login"),
        pytest.param("GET", "/api/jobs?limit=0", {}, 422, "invalid_input", id="limit too small"),
        pytest.param("GET", "/api/jobs?status=SLEEPING", {}, 422, "invalid_input", id="unknown status"),
        pytest.param("GET", "/api/jobs?cursor=xyz", {}, 422, "invalid_input", id="a cursor of nowhere"),
    ],
)
async def test_a_refusal_is_a_problem_document(
    client: httpx.AsyncClient, method: str, path: str, options: dict[str, object], status: int, code: str
) -> None:
    answer = await client.request(method, path, **options)
    assert answer.status_code == status, answer.text
    if path == "/login":
        return
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"urn:millrace:problem:{code}"
    assert found["title"] and found["detail"] and found["instance"].startswith("/")


async def test_a_validation_problem_names_the_fields_and_not_their_values(client: httpx.AsyncClient) -> None:
    secret = "hunter2-hunter2"
    answer = await client.post("/submit", json={"amazon_url": secret, "min_words": secret, secret: 1})
    assert secret not in answer.text.replace(f'"field": "{secret}"', "").replace(f"{secret}: Extra", "")
    fields = {item["field"]: item["message"] for item in answer.json()["errors"]}
    assert fields["amazon_url"] == "must be a web address that starts with http:// or https://"
    assert "min_words" in fields


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError(), 422),
        (errors.NotFoundError(), 404),
        (errors.ConflictError(), 409),
        (errors.DuplicateError(), 409),
        (errors.BlockedUrlError(), 422),
        (errors.PageTooLargeError(), 422),
        (errors.RateLimitError(retry_after=1.2), 429),
        (errors.DatabaseError(), 503),
        (errors.ExternalServiceError(service="redis"), 502),
        (errors.ModelsUnavailableError(), 502),
        (errors.TimeLimitError(), 504),
        (errors.BudgetExceededError(), 402),
        (errors.NotConfiguredError(), 503),
        (errors.AuthenticationError(), 401),
        (errors.AuthenticationError(service="wordpress"), 502),
        (errors.JobCancelledError(), 422),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_has_its_status(error: errors.MillraceError, status: int) -> None:
    assert (status_of(error), problem_of(error).code) == (status, error.error_code)


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert headers_of(errors.RateLimitError(retry_after=1.2)) == {"Retry-After": "2"}


def test_what_the_store_says_stays_in_the_log() -> None:
    found = problem_of(errors.DatabaseError("disk I/O error in /root/secret.sqlite3"))
    assert found.detail == "The document store failed."


async def test_an_unexpected_error_shows_a_reference_and_no_internals() -> None:
    desk = await open_desk()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    desk.documents.get = broken  # type: ignore[method-assign]
    async with desk.client() as client:
        answer = await client.get("/submissions/sub_1")
    assert answer.status_code == 500
    assert answer.json()["code"] == "unexpected" and answer.json()["reference"]
    assert "hunter2" not in answer.text


async def test_a_page_that_is_not_there_is_a_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/review/sub_x")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no submission sub_x." in answer.text


A_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("method", "path", "accept", "kind"),
    [
        pytest.param("GET", "/nope", A_BROWSER, "text/html", id="a browser at an unknown address"),
        pytest.param("GET", "/cards/C-1", A_BROWSER, "text/html", id="beside a page"),
        pytest.param("GET", "/graphs/customer-question", A_BROWSER, "text/html", id="the plural of a page"),
        pytest.param("GET", "/api/jobs/nope", A_BROWSER, "text/html", id="a call, typed into the address bar"),
        pytest.param("GET", "/nope", "*/*", "application/problem+json", id="a program that takes anything"),
        pytest.param("GET", "/nope", "application/json", "application/problem+json", id="a program that takes JSON"),
        pytest.param("GET", "/nope", "application/json, text/html", "application/problem+json", id="both"),
        pytest.param("DELETE", "/nope", A_BROWSER, "application/problem+json", id="no way to be led somewhere"),
    ],
)
async def test_who_looks_gets_a_page_and_who_calls_a_document(
    client: httpx.AsyncClient, method: str, path: str, accept: str, kind: str
) -> None:
    answer = await client.request(method, path, headers={"Accept": accept})
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert ("Back to the front page" in answer.text) == (kind == "text/html")


# -- bounds on the body --------------------------------------------------------------------------------------------


async def test_a_body_over_the_limit_is_refused_by_what_it_says(client: httpx.AsyncClient) -> None:
    answer = await client.post("/submit", json={"amazon_url": BOOK_URL, "other_links": ["x" * 1_000_001]})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_over_the_limit_is_refused_while_it_streams(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100_000
            yield b" " * 100_000

    answer = await client.post("/submit", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert sent <= 1_200_000


async def test_a_client_that_reads_only_when_all_is_sent_hears_that_it_was_too_much(desk: Desk) -> None:
    def post(address: str) -> int:
        headers = {"Content-Type": "application/json", **BEARER}
        asked = urllib.request.Request(f"http://{address}/submit", data=b" " * 30_000_000, headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=30)
        return refused.value.code

    async with serving(desk.app) as address:
        assert await asyncio.to_thread(post, address) == 413


async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    desk = await open_desk(limits=BodyLimits(max_seconds=0.05))

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with desk.client() as client:
        answer = await client.post("/submit", content=slow(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        pytest.param("[" * 64 + "]" * 64, True, id="at the limit"),
        pytest.param("[" * 65 + "]" * 65, False, id="over the limit"),
        pytest.param('{"a":' * 65 + "1" + "}" * 65, False, id="objects"),
        pytest.param("[" + "[],[]," * 500 + "1]", True, id="wide is not deep"),
        pytest.param(json.dumps({"a": "[" * 500}), True, id="brackets in text"),
        pytest.param('{"a": "\\"' + "[" * 500 + '"}', True, id="an escaped quote"),
        pytest.param('["\\\\", ' + "[" * 70, False, id="an escaped backslash ends the text"),
        pytest.param('"' + "[" * 100_000, False, id="a text that never ends is no text"),
    ],
)
def test_json_may_nest_64_levels_deep(body: str, fits: bool) -> None:
    if fits:
        check_depth(body.encode(), 64)
    else:
        with pytest.raises(ProblemError):
            check_depth(body.encode(), 64)


async def test_a_body_in_another_encoding_is_told_which_one_is_read(client: httpx.AsyncClient) -> None:
    body = '{"amazon_url": "é"}'.encode("latin-1")
    answer = await client.post("/submit", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "The body cannot be read: send it as JSON in UTF-8.")


async def test_half_a_surrogate_pair_is_refused_and_not_choked_on(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    for body in (b'{"stage": "\\ud800"}', b'{"stage": "amazon_scrape", "overrides": {"prompt": "\\ud800"}}'):
        answer = await client.post(
            f"/tasks/{made['submission_id']}/retry_step", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, answer.text


# -- what every answer carries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/login", "/api/jobs", "/static/millrace.css", "/no/such", "/"])
async def test_every_answer_carries_the_security_headers(stranger: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, BEARER):
        answer = await stranger.get(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


@pytest.mark.parametrize("body", [b"{bad", b"\xff\xfe", b""], ids=repr)
async def test_a_body_that_is_no_json_is_called_so(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/submit", content=body, headers={"Content-Type": "application/json"})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "body")
