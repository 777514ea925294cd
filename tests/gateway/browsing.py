"""A real Chromium before a gateway on in-memory twins."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from spine.adapters.chromium_process import find_browser
from tests.gateway.gateway_desk import TOKEN


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Skips the test where no Chromium is installed."""
    found = find_browser(None)
    if found is None:
        pytest.skip("no Chromium is installed")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(found), args=sandbox)
        yield browser
        await browser.close()


@asynccontextmanager
async def a_page(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page of its own session; fails at the end when the content policy refused something or a script broke."""
    context = await browser.new_context(**{"viewport": {"width": 360, "height": 740}, **options})
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.set_default_timeout(8_000)
    yield opened
    await context.close()
    # Browsers also complain of refused requests and lost connections, which are meant here.
    assert [text for text in complaints if "Security Policy" in text or "Error:" in text] == []


async def log_in(page: Page, host: str, path: str = "/reviews") -> None:
    await page.goto(f"http://{host}{path}")
    await page.get_by_label("Token", exact=True).fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#connection")).to_have_text("Live")
