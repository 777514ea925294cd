"""The dashboard in a real browser: live without a reload, and nothing that the content policy refuses."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from gateway.app import create_app
from spine.adapters.chromium_process import find_browser
from spine.documents import SUBMISSIONS
from tests.gateway.gateway_desk import BOOK_URL, TOKEN, Desk, open_desk, serving

pytestmark = pytest.mark.browser


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    browser = find_browser(None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(browser), args=sandbox)
        opened = await chromium.new_page(viewport={"width": 360, "height": 740})
        complaints: list[str] = []
        opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.set_default_timeout(8_000)
        yield opened
        await chromium.close()
        # Browsers also complain of refused requests and lost connections, which are meant here.
        assert [text for text in complaints if "Security Policy" in text or "Error:" in text] == []


async def log_in(page: Page, host: str, path: str = "/reviews") -> None:
    await page.goto(f"http://{host}{path}")
    await page.get_by_label("Token", exact=True).fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#connection")).to_have_text("Live")


async def reloads(page: Page) -> Any:
    """Something that a reload would forget."""
    return await page.evaluate("window.stayed = (window.stayed ?? 0) + 1")


async def test_a_review_is_given_watched_and_decided_on_without_a_reload(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host)
        await reloads(page)
        await page.get_by_label("Product page").fill(BOOK_URL)
        await page.get_by_role("button", name="Start the review").click()
        await expect(page.locator("[data-percent]")).to_have_text("0 %")
        [job] = desk.starter.started
        await desk.tell(job.job_id, 37.6, current_step="internet_research")
        await expect(page.locator("[data-percent]")).to_have_text("38 %")
        await expect(page.locator("[data-step]")).to_have_text("internet research")
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        await page.get_by_role("link", name="shop.example").click()
        await expect(page.locator("#log")).to_contain_text("internet research")
        await reloads(page)
        await desk.article(job.subject_id)
        await desk.finish(job.job_id)
        await desk.tell(job.job_id, 100, type="state", status="SUCCESS")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator(".chip").first).to_have_text("approved")
        assert await reloads(page) == 2


async def test_a_lost_connection_is_said_and_what_was_missed_is_told(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}")
        await desk.tell(made["job_id"], 5, type="log", message="before")
        await expect(page.locator("#log")).to_contain_text("before")
    await expect(page.locator("#connection")).to_contain_text("Connection lost")
    await desk.tell(made["job_id"], 5, type="log", message="meanwhile")
    async with serving(create_app(desk.context), port=int(host.rpartition(":")[2])):
        await expect(page.locator("#connection")).to_have_text("Connected again")
        await expect(page.locator("#log")).to_contain_text("meanwhile")
        assert await page.locator("#log li", has_text="before").count() == 1


async def test_a_refusal_is_shown_where_a_screen_reader_hears_it(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host)
        await page.get_by_label("Product page").fill("http://127.0.0.1/x")
        await page.get_by_role("button", name="Start the review").click()
        await expect(page.get_by_role("alert")).to_contain_text("not a public address")
        assert await desk.documents.count(SUBMISSIONS) == 0
