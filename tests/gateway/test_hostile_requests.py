"""Requests of an attacker: giant and bottomless bodies, odd headers, a hijacked WebSocket, a replayed webhook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from spine.contracts.timestamps import utc_now
from spine.standard_webhooks import signed_headers
from tests.gateway.api_conformance import Api, check_refusal, open_api
from tests.gateway.gateway_desk import TOKEN, open_desk, serving
from tests.gateway.webhook_desk import NEW, KnownAccounts, jobs_of, signed

BODIES = {
    "giant": b'{"a": "' + b"x" * 6_000_000 + b'"}',
    "bottomless list": b"[" * 100_000,
    "bottomless object": b'{"a":' * 100_000,
    "closed and deep": b"[" * 5_000 + b"]" * 5_000,
    "a number of 100,000 digits": b'{"a": ' + b"9" * 100_000 + b"}",
    "a key 10,000 times": b"{" + b",".join([b'"a": 1'] * 10_000) + b"}",
    "half a surrogate pair": b'{"\\ud800": "\\udfff"}',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "NUL": b'{"a": "\\u0000"}',
    "NaN": b'{"a": NaN}',
    "nothing": b"",
    "null": b"null",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with open_api() as opened:
        yield opened


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_route_that_takes_a_body_takes_or_refuses_a_hostile_one(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for name, operation in api.operations().items():
        if operation.method.upper() not in ("POST", "PUT"):
            continue
        answer = api.send(operation, "admin", content=body, headers=headers)
        assert answer.status_code < 500 and answer.status_code not in (301, 302, 307), (name, answer.status_code)
        check_refusal(answer)
        assert len(answer.content) < 200_000, name


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Idempotency-Key": "x" * 10_000}, id="a long key"),
        pytest.param({"If-Match": '"' + "9" * 5_000 + '"'}, id="a long revision"),
        pytest.param({"If-Match": "٣"}, id="digits of another script"),
        pytest.param({"traceparent": "00-" + "z" * 32 + "-" + "0" * 16 + "-ff"}, id="a trace that is none"),
        pytest.param({"X-Trace-Id": "<script>", "X-Forwarded-For": "'--", "X-Forwarded-Proto": "ftp"}, id="others"),
        pytest.param({"Cookie": "=; " * 500 + "a=\xff"}, id="cookies"),
        pytest.param({"Content-Length": "-1"}, id="a negative length"),
        pytest.param({"Content-Type": "application/json; charset=utf-7"}, id="another charset"),
        pytest.param({"Accept-Language": "," * 2_000 + "x;q=NaN;q=1e999"}, id="languages"),
        pytest.param({"Last-Event-ID": "-1", "Range": "bytes=-9999999999-"}, id="a range"),
    ],
)  # fmt: skip
def test_no_header_makes_a_route_fail(api: Api, headers: dict[str, str]) -> None:
    sent = {name: value.encode("utf-8") for name, value in headers.items()}
    for name, operation in api.operations().items():
        answer = api.send(operation, "admin", headers=sent)
        assert answer.status_code < 500, (name, answer.status_code)
        check_refusal(answer)


@pytest.mark.parametrize("source", ["../etc", "/etc", "a/../../b", "..", "a\x00b", "..\\..\\etc", "~root", "%2e%2e/x"])
def test_no_source_of_a_persona_leads_out_of_its_folder(api: Api, source: str) -> None:
    answer = api.runner.run(_ingest(api, source))
    assert answer.status_code == 422
    check_refusal(answer)
    assert "root:" not in answer.text


async def _ingest(api: Api, source: str) -> httpx.Response:
    return await api.callers["admin"].post("/api/personas/new/ingest", json={"source": source})


# -- webhooks ------------------------------------------------------------------------------------------------------

PAYLOAD = {"type": "book.new", "data": {"url": "https://shop.example/1"}}


async def test_a_replayed_webhook_makes_no_second_job_and_an_old_one_none() -> None:
    desk = await open_desk(accounts=KnownAccounts())
    request = signed(PAYLOAD)
    body: bytes = request["content"]
    old = signed_headers([NEW], "msg_old", utc_now() - timedelta(minutes=6), body)
    early = signed_headers([NEW], "msg_early", utc_now() + timedelta(minutes=6), body)
    async with desk.client(token=None) as caller:
        answers = [await caller.post("/webhooks/shop", **request) for _ in range(3)]
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        for stale in (old, early):
            headers = {"Content-Type": "application/json", **stale}
            assert (await caller.post("/webhooks/shop", content=body, headers=headers)).status_code == 401
        renamed = {**request["headers"], "webhook-id": "msg_2"}
        assert (await caller.post("/webhooks/shop", content=body, headers=renamed)).status_code == 401
    assert len(await jobs_of(desk)) == 1


# -- WebSockets ----------------------------------------------------------------------------------------------------


async def refusal(address: str, **options: object) -> int:
    try:
        async with connect(address, **options):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_websocket_cannot_be_hijacked() -> None:
    desk = await open_desk()
    async with serving(desk.app) as host:
        address = f"ws://{host}/ws/tasks"
        async with httpx.AsyncClient(base_url=f"http://{host}") as browser:
            await browser.post("/login", data={"token": TOKEN})
            cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        for origin in (
            "null",
            f"https://{host}.evil.example",
            f"http://evil.example@{host}",
            f"http://{host}/../x",
            "*",
        ):
            status = await refusal(address, additional_headers={**cookie, "Origin": origin})
            assert status == (101 if origin.startswith(f"http://{host}/") else 403), origin
        ours = {**cookie, "Origin": f"http://{host}", "Sec-Fetch-Site": "cross-site"}
        assert await refusal(address, additional_headers=ours) == 403
        async with desk.client() as admin:
            ticket = (await admin.post("/api/tickets")).json()["ticket"]
        forged = ticket[:-2] + ("AA" if not ticket.endswith("AA") else "BB")
        assert await refusal(f"{address}?ticket={forged}") == 401
        assert await refusal(f"{address}?ticket={ticket}") == 101
        assert await refusal(f"{address}?ticket={ticket}") == 401, "it is used up"
        assert await refusal(f"{address}?ticket={TOKEN}") == 401, "a token is no ticket"
        assert await refusal(f"{address}?token={TOKEN}") == 401, "no credential but a ticket stands in an address"
