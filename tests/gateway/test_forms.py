"""The dashboard's forms in a real browser: sent once, and what was typed into them is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from playwright.async_api import Dialog, Page, Response, Route, expect
from playwright.async_api import Error as PlaywrightError

from gateway.app import create_app
from spine.documents import PROMPTS, SUBMISSIONS
from tests.gateway.browsing import log_in
from tests.gateway.gateway_desk import BOOK_URL, TOKEN, Desk, open_desk, serving

pytestmark = pytest.mark.browser


async def test_a_double_click_starts_one_review(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await log_in(page, host)
        await page.get_by_label("Product page").fill(BOOK_URL)
        await page.get_by_role("button", name="Start the review").dblclick()
        await expect(page.locator("[data-percent]")).to_have_text("0 %")
    assert await desk.documents.count(SUBMISSIONS) == 1


CLICK_ON = """(button) => {
  let clicks = 0;
  setInterval(() => { button.click(); if (++clicks === 10) console.log("ten clicks"); }, 50);
}"""


async def test_a_form_that_leads_on_is_sent_once_however_long_the_next_page_takes(page: Page) -> None:
    desk: Desk = await open_desk()
    async with desk.client() as client:
        made = (await client.post("/prompts", json={"purpose": "article", "template": "Write of {title}."})).json()
    async with serving(desk.app) as host:
        await log_in(page, host, f"/configuration/prompts/{made['prompt_id']}")
        await page.get_by_label("What it is asked").fill("Write well of {title}.")
        held = asyncio.Event()

        async def hold(route: Route) -> None:
            await held.wait()
            await route.continue_()

        await page.route("**/configuration/prompts/*", hold)
        save = page.get_by_role("button", name="Save as the next version")
        async with page.expect_console_message(lambda message: message.text == "ten clicks"):
            await save.evaluate(CLICK_ON)
        held.set()
        await expect(page.get_by_text("version 2").first).to_be_visible()
    assert await desk.documents.count(PROMPTS) == 2


# -- what is typed -------------------------------------------------------------------------------------------------


async def edit_page(desk: Desk, page: Page, host: str) -> str:
    """An edit page with something typed; gives the submission's id."""
    made = await desk.submission()
    await desk.article(made["submission_id"])
    await log_in(page, host, f"/review/{made['submission_id']}/edit")
    await page.get_by_label("Text (Markdown)").fill("What took an hour to write.")
    return made["submission_id"]


async def log_in_elsewhere(page: Page) -> None:
    """Follow the notice's link and log in there."""
    async with page.context.expect_page() as opened:
        await page.get_by_role("alert").get_by_role("link", name="Log in again").click()
    other = await opened.value
    await other.get_by_label("Token", exact=True).fill(TOKEN)
    await other.get_by_role("button", name="Log in").click()
    await expect(other.locator("#connection")).to_have_text("Live")
    await other.close()


async def test_a_session_that_ended_keeps_what_was_typed_until_it_is_saved(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        submission = await edit_page(desk, page, host)
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
        await expect(page.get_by_label("Text (Markdown)")).to_have_value("What took an hour to write.")
        await log_in_elsewhere(page)
        await page.get_by_role("button", name="Save").click()
        await page.wait_for_url(f"**/review/{submission}")
        await expect(page.locator("#article")).to_contain_text("What took an hour to write.")


async def test_a_connection_that_comes_back_after_the_session_keeps_what_was_typed(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await edit_page(desk, page, host)
    await page.context.clear_cookies()
    async with serving(create_app(desk.context), port=int(host.rpartition(":")[2])):
        await expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
        await expect(page.get_by_label("Text (Markdown)")).to_have_value("What took an hour to write.")
        await log_in_elsewhere(page)
        await expect(page.locator("#connection")).to_have_text("Connected again")
        await expect(page.get_by_role("alert")).to_be_hidden()
        await expect(page.get_by_label("Text (Markdown)")).to_have_value("What took an hour to write.")


async def test_a_page_with_nothing_typed_leads_to_the_login_when_the_session_ended(page: Page) -> None:
    desk: Desk = await open_desk()
    made = await desk.submission()
    await desk.article(made["submission_id"])
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}")
        await expect(page.locator("#connection")).to_have_text("Live")  # else the connection may lead there first
        await page.context.clear_cookies()
        with suppress(PlaywrightError):  # a page that looks for news just now leads there before the click
            await page.get_by_role("button", name="Approve").click(timeout=2_000)
        await page.wait_for_url("**/login?next=*")


LEAVE: dict[str, Callable[[Page], Awaitable[Any]]] = {
    "a link": lambda page: page.get_by_role("link", name="Back").click(no_wait_after=True),
    "another language": lambda page: page.get_by_role("button", name="Change").click(no_wait_after=True),
    "a reload": lambda page: page.evaluate("void setTimeout(() => location.reload())"),
    "back": lambda page: page.evaluate("void setTimeout(() => history.back())"),
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE.keys())
async def test_a_page_is_not_left_with_something_typed_before_its_reader_was_asked(
    page: Page, leave: Callable[[Page], Awaitable[Any]]
) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        await edit_page(desk, page, host)
        asked = asyncio.Queue[str]()

        async def stay(dialog: Dialog) -> None:
            await dialog.dismiss()
            asked.put_nowait(dialog.type)

        page.on("dialog", stay)
        await leave(page)
        async with asyncio.timeout(8):
            assert await asked.get() == "beforeunload"
        await expect(page.get_by_label("Text (Markdown)")).to_have_value("What took an hour to write.")


async def test_nobody_is_asked_after_saving_or_before_typing(page: Page) -> None:
    desk: Desk = await open_desk()
    asked: list[str] = []

    async def note(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    page.on("dialog", note)
    async with serving(desk.app) as host:
        submission = await edit_page(desk, page, host)
        await page.get_by_role("button", name="Save").click()
        await page.wait_for_url(f"**/review/{submission}")
        await page.get_by_role("link", name="Edit").click()
        await page.get_by_label("Text (Markdown)").press("End")
        await page.get_by_role("link", name="Back").click()
        await page.wait_for_url(f"**/review/{submission}")
    assert asked == []


# -- what others do meanwhile --------------------------------------------------------------------------------------


async def decidable(desk: Desk, page: Page, host: str) -> dict[str, str]:
    """The page of a review that waits for its decision."""
    made = await desk.submission()
    await desk.finish(made["job_id"])
    await news(desk, made)
    await desk.article(made["submission_id"])

    def is_refresh(answer: Response) -> bool:
        return made["submission_id"] in answer.url and answer.request.resource_type == "fetch"

    # What the log holds makes the page refresh itself once, which is not to be taken for a later refresh.
    async with page.expect_response(is_refresh):
        await log_in(page, host, f"/review/{made['submission_id']}")
    return made


async def news(desk: Desk, made: dict[str, str]) -> None:
    """An event that makes every page of the review refresh itself."""
    await desk.tell(made["job_id"], 100, type="state", status="SUCCESS")


async def edited_by_another(desk: Desk, made: dict[str, str]) -> None:
    async with desk.client() as client:
        edit = {"content": "Written by another."}
        assert (await client.put(f"/submissions/{made['submission_id']}/article", json=edit)).is_success


async def refreshed(desk: Desk, page: Page, made: dict[str, str]) -> None:
    """Wait until the page shows what another one wrote."""
    await news(desk, made)
    await expect(page.locator("#article")).to_contain_text("Written by another.")


async def status(desk: Desk, made: dict[str, str]) -> str:
    return str((await desk.context.desk.get(made["submission_id"])).status)


async def test_a_refresh_leaves_a_reason_as_far_as_it_is_typed(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await page.get_by_text("Reject …").click()
        reason = page.get_by_label("What should be done differently?")
        await reason.press_sequentially("It is long")
        await reason.press("ArrowLeft")
        await edited_by_another(desk, made)
        await refreshed(desk, page, made)
        await page.keyboard.type("-")
        await expect(reason).to_have_value("It is lon-g")


async def test_who_comes_back_to_a_page_sees_what_another_wrote_meanwhile(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await edited_by_another(desk, made)
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator("#article")).to_contain_text("Written by another.")


async def test_a_rejection_is_about_the_revision_that_was_read_when_its_form_was_opened(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await page.get_by_text("Reject …").click()
        await edited_by_another(desk, made)
        await refreshed(desk, page, made)
        await page.get_by_label("What should be done differently?").fill("Too long.")
        await page.get_by_role("button", name="Reject", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("revision 2, not 1")
        assert await status(desk, made) == "ready_for_review"
        await expect(page.locator("form.reject")).to_have_attribute("data-match", "2")
        await page.get_by_role("button", name="Reject", exact=True).click()
        await expect(page.locator(".chip").first).to_have_text("rejected")
        await expect(page.locator("form.reject")).to_have_count(0)


async def test_a_typed_reason_stays_when_another_one_has_decided(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await page.get_by_text("Reject …").click()
        await page.get_by_label("What should be done differently?").fill("Too long.")
        await desk.context.desk.approve(made["submission_id"])
        await news(desk, made)
        await expect(page.locator(".chip").first).to_have_text("approved")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await expect(page.get_by_label("What should be done differently?")).to_have_value("Too long.")


async def test_an_approval_that_comes_after_a_rejection_is_refused_and_the_page_shows_what_is(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await desk.context.desk.reject(made["submission_id"], "Too long.")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator(".chip").first).to_have_text("rejected")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await expect(page.get_by_role("alert")).to_contain_text("The submission is rejected")


async def test_an_approval_of_an_old_revision_is_refused_and_the_page_shows_the_newest(page: Page) -> None:
    desk: Desk = await open_desk()
    async with serving(desk.app) as host:
        made = await decidable(desk, page, host)
        await edited_by_another(desk, made)
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator("#article")).to_contain_text("Written by another.")
        await expect(page.get_by_role("alert")).to_contain_text("revision 2, not 1")
        assert await status(desk, made) == "ready_for_review"
        await page.get_by_role("button", name="Approve").click()
        await expect(page.locator(".chip").first).to_have_text("approved")
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_an_emptied_wait_before_a_step_is_none(page: Page) -> None:
    desk: Desk = await open_desk()
    async with desk.client() as client:
        pipeline = (await client.get("/pipelines/book-review")).json()
        pipeline["steps"][0] |= {"delay_seconds": 5, "timeout_seconds": 30}
        assert (await client.put("/pipelines/book-review", json=pipeline)).is_success
    async with serving(desk.app) as host:
        await log_in(page, host, "/configuration/pipelines/book-review")
        await page.locator("details:has(#s0-delay_seconds) > summary").click()
        for label in ("Seconds to wait before", "Seconds, at most"):
            await page.get_by_label(label).first.fill("")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("revision 3").first).to_be_visible()
    async with desk.client() as client:
        step = (await client.get("/pipelines/book-review")).json()["steps"][0]
    assert (step["delay_seconds"], step["timeout_seconds"]) == (0, None)


async def test_a_run_again_shows_every_link_that_new_ones_would_replace(page: Page) -> None:
    desk: Desk = await open_desk()
    links = {"goodreads_url": "https://www.goodreads.com/book/show/1", "other_links": ["https://blog.example/review"]}
    made = await desk.submission(**links)
    async with serving(desk.app) as host:
        await log_in(page, host, f"/review/{made['submission_id']}/rerun?stage=additional_links_scrape")
        shown = await page.get_by_label("Links, one per line").get_attribute("placeholder")
    assert shown == "https://www.goodreads.com/book/show/1\nhttps://blog.example/review"
