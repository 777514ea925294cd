"""Nothing but liveness and the login page answers a stranger."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.routing import BaseRoute

from gateway.identity import Identity, Role
from gateway.paths import is_page, is_public, local_target
from gateway.signing import Signer
from gateway.tickets import MemoryTicketStore, issue_ticket, redeem_ticket
from tests.gateway.gateway_desk import TOKEN, Desk

PAGES = {
    "/",
    "/reviews",
    "/review/{submission_id}",
    "/review/{submission_id}/edit",
    "/review/{submission_id}/changes",
    "/review/{submission_id}/rerun",
    "/personas",
    "/persona/{persona_id}",
    "/conversations",
    "/cards",
    "/card/{card_id}",
    "/graphs",
    "/graph/{name}",
    "/queues",
    "/conversation/{session_id:path}",
    "/jobs",
    "/run/{job_id}",
    "/workers",
    "/usage",
    "/configuration",
    "/configuration/pipelines/{slug}",
    "/configuration/prompts/{prompt_id}",
    "/settings",
    "/docs",
    "/docs/assets/{name}",
}
SAME_ORIGIN = {"Origin": "http://gateway.test", "Sec-Fetch-Site": "same-origin"}


def routes(desk: Desk) -> Iterator[tuple[str, str]]:
    """Every method and path of the application, with something in the place of its parameters."""
    schema = desk.app.openapi()["paths"]
    yield from (
        (method.upper(), path.replace("{", "x").replace("}", "x")) for path in schema for method in schema[path]
    )
    for path in (*(re.sub(r"\{[^}]+\}", "x", page) for page in PAGES), "/openapi.json", "/static/live.js"):
        yield "GET", path
    yield "POST", "/logout"
    yield "GET", "/no/such/path"


async def test_every_route_turns_a_stranger_away(desk: Desk, stranger: httpx.AsyncClient) -> None:
    asked = [(method, path) for method, path in routes(desk) if not is_public(path)]
    assert len(asked) > 25
    for method, path in asked:
        answer = await stranger.request(method, path)
        if is_page(path) and method == "GET":
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_routes_that_were_asked_are_all_there_are(desk: Desk) -> None:
    """The table above comes from the schema; what the schema leaves out is named there by hand."""

    def walk(found: list[BaseRoute]) -> Iterator[str]:
        for route in found:
            if isinstance(route, APIRoute) and not route.include_in_schema:
                yield route.path
            yield from walk(
                getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", [])
            )

    hidden = set(walk(desk.app.routes)) - {"/openapi.json"}
    assert hidden == PAGES | {"/login", "/logout", "/language"}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(f"Bearer {TOKEN}", 200, id="the token"),
        pytest.param(f"bearer   {TOKEN} ", 200, id="the scheme in any case"),
        pytest.param(f"Bearer {TOKEN}x", 401, id="a longer token"),
        pytest.param(f"Bearer {TOKEN[:-1]}", 401, id="a shorter token"),
        pytest.param("Bearer ", 401, id="an empty token"),
        pytest.param("Bearer ünïcode".encode(), 401, id="not even ASCII"),
        pytest.param(f"Basic {TOKEN}", 401, id="another scheme"),
        pytest.param(TOKEN, 401, id="no scheme"),
    ],
)
async def test_a_bearer_token_is_right_or_wrong(stranger: httpx.AsyncClient, header: str | bytes, status: int) -> None:
    answer = await stranger.get("/api/jobs", headers={"Authorization": header})
    assert answer.status_code == status


async def test_an_empty_admin_token_lets_nobody_in() -> None:
    from tests.gateway.gateway_desk import open_desk

    desk = await open_desk(admin_token=SecretStr(""))
    async with desk.client(token=None) as caller:
        assert (await caller.get("/api/jobs", headers={"Authorization": "Bearer "})).status_code == 401


# -- the dashboard's session ---------------------------------------------------------------------------------------


async def test_the_login_form_opens_a_session_and_returns_to_the_page(stranger: httpx.AsyncClient) -> None:
    led = await stranger.get("/review/sub_1?x=1")
    assert led.headers["location"] == "/login?next=%2Freview%2Fsub_1%3Fx%3D1"
    unknown = await stranger.get("/nope", headers={"Accept": "text/html"})
    assert unknown.headers["location"] == "/login?next=%2Fnope"
    answer = await stranger.post(led.headers["location"], data={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/sub_1?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Max-Age=43200" in cookie
    assert TOKEN not in cookie
    assert (await stranger.get("/api/jobs")).status_code == 200


async def test_a_wrong_token_shows_the_form_again(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/login", data={"token": "wrong<script>"})
    assert answer.status_code == 401
    assert "This token is not right." in answer.text
    assert "wrong" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_login_link_leaves_no_token_in_the_address(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/login", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await stranger.get("/")).status_code == 200


async def test_a_ticket_logs_in_once(client: httpx.AsyncClient, desk: Desk) -> None:
    ticket = (await client.post("/api/tickets")).json()
    assert ticket["expires_in"] == 60
    async with desk.client(token=None) as first, desk.client(token=None) as second:
        assert (await first.get("/login", params={"ticket": ticket["ticket"]})).status_code == 303
        assert (await first.get("/")).status_code == 200
        assert (await second.get("/login", params={"ticket": ticket["ticket"]})).status_code == 401


async def test_a_logout_ends_the_session_in_this_browser(stranger: httpx.AsyncClient) -> None:
    await stranger.post("/login", data={"token": TOKEN})
    await stranger.post("/logout", headers=SAME_ORIGIN)
    assert (await stranger.get("/api/jobs")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(SAME_ORIGIN, 200, id="our own page"),
        pytest.param({"Origin": "http://gateway.test"}, 200, id="an old browser with Origin"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 200, id="a browser that leaves Origin out"),
        pytest.param({}, 403, id="no word of where it comes from"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="another site"),
        pytest.param({"Origin": "http://gateway.test:9999"}, 403, id="another port of this host"),
        pytest.param({"Origin": "null"}, 403, id="a sandboxed frame"),
        pytest.param({"Origin": "http://gateway.test", "Sec-Fetch-Site": "same-site"}, 403, id="a sister host"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="cross-site without Origin"),
        pytest.param({"Sec-Fetch-Site": "none"}, 403, id="typed by hand"),
    ],
)
async def test_a_session_changes_things_from_our_own_pages_only(
    stranger: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await stranger.post("/login", data={"token": TOKEN})
    answer = await stranger.post("/api/tickets", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "cross_origin"


async def test_a_forged_or_foreign_session_counts_for_nothing(desk: Desk) -> None:
    name = desk.app.state.gateway.authenticator.cookie
    admin = {"name": "admin", "role": "admin"}
    other = Signer(SecretStr("another key"), SecretStr(TOKEN))
    rotated = Signer(SecretStr("a-session-key-for-tests"), SecretStr("the token before"))
    ours = Signer(SecretStr("a-session-key-for-tests"), SecretStr(TOKEN))
    forged = [
        other.sign("session", 60, admin),
        rotated.sign("session", 60, admin),
        ours.sign("ticket", 60, admin),  # signed for something else
        ours.sign("session", -1, admin),
        ours.sign("session", 60, admin)[:-2],
        "x." + ours.sign("session", 60, admin).partition(".")[2],
        "…",
        ".",
    ]
    for value in forged:
        async with desk.client(token=None) as caller:
            answer = await caller.get("/api/jobs", headers={"Cookie": f"{name}={value}".encode()})
            assert answer.status_code == 401, value


@pytest.mark.parametrize(
    ("target", "led_to"),
    [
        ("/review/sub_1?page=2", "/review/sub_1?page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_a_login_never_leads_to_another_site(target: str | None, led_to: str) -> None:
    assert local_target(target) == led_to


# -- tickets and roles ---------------------------------------------------------------------------------------------


async def test_a_ticket_is_used_once_and_within_a_minute() -> None:
    now = time.time()
    clock = [now]
    signer = Signer(SecretStr("key"), SecretStr("token"), now=lambda: clock[0])
    store = MemoryTicketStore()
    viewer = Identity(name="ann", role=Role.VIEWER, via="bearer")
    first, second = issue_ticket(signer, viewer), issue_ticket(signer, viewer)
    clock[0] = now + 59
    redeemed = await redeem_ticket(signer, store, first)
    assert redeemed == Identity(name="ann", role=Role.VIEWER, via="ticket")
    assert await redeem_ticket(signer, store, first) is None
    clock[0] = now + 61
    assert await redeem_ticket(signer, store, second) is None


@pytest.mark.parametrize(
    ("role", "method", "path", "allowed"),
    [
        (Role.VIEWER, "GET", "/api/jobs", True),
        (Role.VIEWER, "POST", "/api/tickets", True),
        (Role.VIEWER, "POST", "/api/jobs/x/cancel", False),
        (Role.EDITOR, "POST", "/api/jobs/x/cancel", True),
        (Role.EDITOR, "PUT", "/pipelines/book-review", False),
        (Role.ADMIN, "PUT", "/pipelines/book-review", True),
        (Role.EDITOR, "POST", "/prompts", False),
    ],
    ids=lambda value: str(value),
)
async def test_a_role_allows_what_it_includes(desk: Desk, role: Role, method: str, path: str, allowed: bool) -> None:
    parts = desk.app.state.gateway
    session = parts.signer.sign("session", 60, {"name": "ann", "role": str(role)})
    async with desk.client(token=None, cookies={parts.authenticator.cookie: session}) as caller:
        answer = await caller.request(method, path, headers=SAME_ORIGIN)
    assert (answer.status_code == 403) is not allowed
