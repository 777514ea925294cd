"""The dashboard's forms in a real browser: sent once, and what was typed into them is not lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from spine.documents import PROMPTS, SUBMISSIONS
from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.gateway_desk import BOOK_URL, Desk, open_desk, serving

pytestmark = pytest.mark.browser


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser, a_page(browser) as opened:
        yield opened


async def test_a_double_click_starts_one_review(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host)
        await page.get_by_label("Product page").fill(BOOK_URL)
        await page.get_by_role("button", name="Start the review").dblclick()
        await expect(page.locator("[data-percent]")).to_have_text("0 %")
    assert await desk.documents.count(SUBMISSIONS) == 1


async def test_a_form_that_leads_on_is_sent_once_however_often_it_is_clicked(page: Page) -> None:
    desk: Desk = await open_desk()
    async with desk.client() as client:
        made = (await client.post("/prompts", json={"purpose": "article", "template": "Write of {title}."})).json()
    async with serving(desk.app) as host:
        await log_in(page, host, f"/configuration/prompts/{made['prompt_id']}")
        await page.get_by_label("What it is asked").fill("Write well of {title}.")
        await page.get_by_role("button", name="Save as the next version").click(click_count=4, delay=20)
        await expect(page.get_by_text("version 2").first).to_be_visible()
    assert await desk.documents.count(PROMPTS) == 2
