"""The gateway of these tests: on in-memory twins, with nothing behind it that runs jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page

from tests.gateway.browsing import a_page, chromium
from tests.gateway.gateway_desk import Desk, open_desk


@pytest.fixture
async def desk() -> Desk:
    return await open_desk()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with the admin token."""
    async with desk.client() as caller:
        yield caller


@pytest.fixture
async def stranger(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a credential."""
    async with desk.client(token=None) as caller:
        yield caller


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page of a Chromium of its own; skips where there is none."""
    async with chromium() as browser, a_page(browser) as opened:
        yield opened
