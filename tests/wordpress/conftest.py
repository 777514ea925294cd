"""One real WordPress for all tests of this folder, and the ways to look at it from outside."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from spine.adapters.wordpress import WordPressRest
from spine.idempotency import digest
from spine.publishing_port import SiteLogin
from tests.wordpress.debian_wordpress import CannotStart, DebianWordPress, install_packages


@pytest.fixture(scope="session")
def wordpress() -> Iterator[DebianWordPress]:
    """Tests share it: each uses a submission and titles of its own."""
    try:
        install_packages()
    except CannotStart as reason:
        pytest.skip(f"no WordPress here: {reason}")
    with DebianWordPress() as started:
        yield started


@pytest.fixture(scope="session")
def login(wordpress: DebianWordPress) -> SiteLogin:
    return wordpress.login()


@pytest.fixture
async def site(login: SiteLogin) -> AsyncIterator[WordPressRest]:
    opened = WordPressRest(login)
    yield opened
    await opened.close()


class Outside:
    """What any REST client sees of the site, not through our adapter."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def posts(self, **params: Any) -> list[dict[str, Any]]:
        return await self._list("posts", status="any,trash", **params)

    async def media(self, **params: Any) -> list[dict[str, Any]]:
        return await self._list("media", **params)

    async def terms(self, taxonomy: str, post_id: int) -> set[str]:
        """The names of a post's categories or tags, as a page shows them."""
        return {html.unescape(term["name"]) for term in await self._list(taxonomy, post=post_id)}

    async def post(self, id: int) -> dict[str, Any]:
        return (await self._client.get(f"posts/{id}", params={"context": "edit"})).json()

    async def change(self, route: str, **fields: Any) -> None:
        (await self._client.post(route, json=fields)).raise_for_status()

    async def delete(self, route: str, **params: Any) -> None:
        (await self._client.delete(route, params=params)).raise_for_status()

    async def visit(self, url: str) -> str:
        """The page as a reader who is not logged in gets it."""
        async with httpx.AsyncClient(verify=False) as reader:
            return (await reader.get(url)).raise_for_status().text

    async def _list(self, route: str, **params: Any) -> list[dict[str, Any]]:
        answer = await self._client.get(route, params={"context": "edit", "per_page": 100, **params})
        return answer.raise_for_status().json()


@pytest.fixture
async def outside(login: SiteLogin) -> AsyncIterator[Outside]:
    auth = (login.username, login.application_password.get_secret_value())
    async with httpx.AsyncClient(base_url=f"{login.url}/wp-json/wp/v2/", auth=auth, timeout=30, verify=False) as client:
        yield Outside(client)


@pytest.fixture
def submission_id(request: pytest.FixtureRequest) -> str:
    """Its own for every test."""
    return f"sub_{digest(request.node.nodeid)}"
