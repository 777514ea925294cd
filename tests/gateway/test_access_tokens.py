"""Access tokens: what each role may do, and that an ended token opens nothing."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from spine.access_tokens import AccessTokens
from spine.contracts.timestamps import iso, utc_now
from spine.documents import TOKENS
from tests.gateway.gateway_desk import BOOK_URL, TOKEN, Desk

SAME_ORIGIN = {"Origin": "http://gateway.test", "Sec-Fetch-Site": "same-origin"}


async def made(client: httpx.AsyncClient, role: str, **more: object) -> dict[str, str]:
    answer = await client.post("/api/tokens", json={"name": f"the {role}", "role": role, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("role", "reads", "submits", "configures"),
    [
        pytest.param("viewer", 200, 403, 403, id="a viewer looks"),
        pytest.param("editor", 200, 202, 403, id="an editor works"),
        pytest.param("admin", 200, 202, 200, id="an admin configures"),
    ],
)
async def test_a_token_allows_what_its_role_says(
    client: httpx.AsyncClient, desk: Desk, role: str, reads: int, submits: int, configures: int
) -> None:
    token = await made(client, role)
    async with desk.client(token=token["token"]) as holder:
        assert (await holder.get("/submissions")).status_code == reads
        assert (await holder.post("/submit", json={"amazon_url": BOOK_URL})).status_code == submits
        assert (await holder.get("/api/tokens")).status_code == configures


async def test_the_secret_is_shown_once_and_kept_as_a_digest(client: httpx.AsyncClient, desk: Desk) -> None:
    secret = (await made(client, "viewer"))["token"].rpartition(".")[2]
    assert secret not in str(await desk.documents.find(TOKENS))
    assert secret not in (await client.get("/api/tokens")).text


async def test_a_revoked_token_ends_its_sessions_too(client: httpx.AsyncClient, desk: Desk) -> None:
    token = await made(client, "editor")
    async with desk.client(token=None) as browser:
        await browser.post("/login", data={"token": token["token"]})
        assert (await browser.get("/submissions")).status_code == 200
        revoked = await client.post(f"/api/tokens/{token['token_id']}/revoke")
        assert revoked.json()["revoked"] is not None
        assert (await browser.get("/submissions")).status_code == 401
    async with desk.client(token=token["token"]) as holder:
        assert (await holder.get("/submissions")).status_code == 401


async def test_a_token_ends_with_its_time(client: httpx.AsyncClient, desk: Desk) -> None:
    token = await made(client, "viewer", days=1)
    past = iso(utc_now() - timedelta(seconds=1))
    await desk.documents.update(TOKENS, {"_id": token["token_id"]}, set={"expires": past})
    assert await AccessTokens(desk.documents).by_secret(token["token"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mlr",
        "mlr..",
        "mlr.token_1.",
        "mlr.token_0193f0a2b4c1d2e3f4a5b6c7.guess",
        "mlr." + "x" * 5_000,
        "mlr.\x00.\ud800",
        TOKEN + "x",
    ],
    ids=range(8),
)
async def test_any_other_text_is_no_token(desk: Desk, text: str) -> None:
    assert await AccessTokens(desk.documents).by_secret(text) is None


async def test_an_unknown_token_cannot_be_revoked(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/tokens/token_nobody/revoke")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
