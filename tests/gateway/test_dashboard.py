"""The dashboard in a real browser: live without a reload, and nothing that the content policy refuses."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from gateway.app import create_app
from spine.documents import SUBMISSIONS
from tests.gateway.browsing import log_in
from tests.gateway.gateway_desk import BOOK_URL, Desk, open_desk, serving

pytestmark = pytest.mark.browser


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


async def test_an_estimate_runs_down_between_two_events(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    await desk.context.ledger.begin(made["job_id"], "lane-1")
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}")
        await desk.tell(made["job_id"], 40, current_step="internet_research", eta=3)
        eta = page.locator("[data-eta]")
        await expect(eta).to_have_text("about 3 s left")
        await expect(eta).to_have_text("about 1 s left")
        await expect(eta).to_have_text("")


async def test_a_refusal_is_shown_where_a_screen_reader_hears_it(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host)
        await page.get_by_label("Product page").fill("http://127.0.0.1/x")
        await page.get_by_role("button", name="Start the review").click()
        await expect(page.get_by_role("alert")).to_contain_text("not a public address")
        assert await desk.documents.count(SUBMISSIONS) == 0


async def test_an_edit_makes_a_revision_and_shows_what_changed(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    await desk.article(made["submission_id"])
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}")
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_label("Text (Markdown)").fill("## About the book\n\nIt has **312** pages.")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#article")).to_contain_text("revision 2")
        await page.get_by_role("link", name="Revisions").click()
        await expect(page.locator(".diff ins")).to_have_text("It has **312** pages.")


async def test_a_stage_is_run_again_with_what_was_filled_in(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    await desk.article(made["submission_id"])
    await desk.finish(made["job_id"])
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}/rerun")
        await page.get_by_label("Temperature").fill("0.2")
        await page.get_by_label("Words, at least").fill("300")
        await page.get_by_label("publisher").fill("Salt Press")
        await page.get_by_role("button", name="Run again from here").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("shop.example")
    stored = await desk.context.desk.get(made["submission_id"])
    assert stored.overrides["article_generation"] == {
        "temperature": 0.2,
        "min_words": 300,
        "input": {"metadata": {"publisher": "Salt Press"}},
    }


async def test_several_submissions_are_acted_on_at_once(page: Page) -> None:
    desk: Desk = await open_desk()
    made = [await desk.submission() for _ in range(3)]
    async with serving(desk.app) as host:
        await log_in(page, host)
        await page.get_by_label("Choose all").check()
        await page.locator("[data-bulk$='cancel']").click()
        for one in made:
            await expect(page.locator(f"input[value='{one['submission_id']}']")).not_to_be_checked()
    assert {str((await desk.context.ledger.get(one["job_id"])).status) for one in made} == {"REVOKED"}


async def test_a_token_is_made_and_shown_once(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host, "/settings")
        await page.get_by_label("For whom or what").fill("editorial team")
        await page.get_by_label("Role").select_option("editor")
        await page.get_by_role("button", name="Make a token").click()
        await expect(page.locator("#shown-once")).to_contain_text("mlr.token_")
        await expect(page.locator("#tokens")).to_contain_text("editorial team")
        await page.reload()
        assert "mlr." not in await page.content()


async def test_the_log_of_a_run_is_searched(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    async with serving(desk.app) as host:
        await log_in(page, host, f"/run/{made['job_id']}")
        for message in ("salt is found", "pepper is found"):
            await desk.tell(made["job_id"], 5, type="log", message=message)
        await expect(page.locator("#log")).to_contain_text("pepper")
        await page.get_by_label("Search the log").fill("salt")
        await expect(page.locator("#log li", has_text="pepper")).to_be_hidden()
        await expect(page.locator("#log li", has_text="salt")).to_be_visible()


async def test_the_work_of_a_review_needs_no_mouse(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    await desk.article(made["submission_id"])
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}")
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        for _ in range(6):
            if await page.evaluate("document.activeElement.textContent") == "Approve":
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".chip").first).to_have_text("approved")
