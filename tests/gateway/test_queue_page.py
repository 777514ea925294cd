"""The page of queues: what stands in each, how one is emptied, and how dead letters go back to work."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, expect

from spine.contracts.jobs import Job, JobStatus
from spine.effects import EffectLedger, Outcome
from spine.errors import TimeLimitError
from spine.presence import LaneStatus
from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.gateway_desk import Desk, open_desk, serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def waiting(desk: Desk, queue: str, count: int) -> list[Job]:
    return [(await desk.context.ledger.create("conversation", f"s{n}", queue=queue))[0] for n in range(count)]


async def test_each_queue_shows_what_stands_in_it_and_who_serves_it(client: httpx.AsyncClient, desk: Desk) -> None:
    await waiting(desk, "llm", 2)
    await waiting(desk, "crm", 1)
    await desk.presence.announce(LaneStatus(name="live", worker="a:1", queues={"llm": 200}))
    text = (await client.get("/queues")).text
    for expected in ("of 200 at once", "2 waiting jobs will be revoked", "1 waiting job will be revoked"):
        assert expected in text, expected
    assert 'chip bad">no lane serves it' in text, "crm waits for nobody"


async def test_only_an_administrator_is_offered_to_empty_a_queue(client: httpx.AsyncClient, desk: Desk) -> None:
    await waiting(desk, "llm", 1)
    token = (await client.post("/api/tokens", json={"name": "ann", "role": "editor"})).json()["token"]
    assert "/api/queues/llm/purge" in (await client.get("/queues")).text
    async with desk.client(token=token) as editor:
        text = (await editor.get("/queues")).text
    assert "llm" in text and "purge" not in text


async def test_dead_letters_are_served_in_pages_with_their_error(client: httpx.AsyncClient, desk: Desk) -> None:
    assert "None: every job came to a good end" in (await client.get("/queues")).text
    for job in await waiting(desk, "llm", 26):
        await desk.fail(job.job_id)
    text = (await client.get("/queues")).text
    assert "26 jobs failed for good" in text and text.count('name="chosen"') == 25 and 'rel="next"' in text
    assert "The shop asked for a captcha." in text


async def test_replies_in_doubt_are_listed_with_their_job_and_reason(client: httpx.AsyncClient, desk: Desk) -> None:
    assert "In doubt" not in (await client.get("/queues")).text.replace('aria-label="In doubt"', "")
    effects = EffectLedger(desk.context.documents, job_id="job_7")

    async def cut_off() -> Outcome:
        raise TimeLimitError("the connection broke while we waited")

    assert await effects.at_most_once("effect:v1:job_7:reply", cut_off) is None
    listed = (await client.get("/api/effects/ambiguous")).json()
    assert listed["total"] == 1 and listed["items"][0]["reason"] == "the connection broke while we waited"
    text = (await client.get("/queues")).text
    assert "1 call may or may not have arrived" in text and 'href="/run/job_7"' in text


@pytest.mark.browser
async def test_emptying_a_queue_takes_two_deliberate_steps(browser: Browser) -> None:
    desk = await open_desk()
    [job] = await waiting(desk, "llm", 1)
    async with serving(desk.app) as host, a_page(browser) as page:
        await log_in(page, host, "/queues")
        button = page.get_by_role("button", name="Revoke all that waits: llm")
        await expect(button).to_be_hidden()
        await page.get_by_text("Empty this queue").click()
        await button.click()
        await expect(page.get_by_text("Empty this queue")).to_have_count(0)
    assert (await desk.context.ledger.get(job.job_id)).status is JobStatus.REVOKED


@pytest.mark.browser
async def test_all_dead_letters_that_are_shown_go_back_to_work_at_once(browser: Browser) -> None:
    desk = await open_desk()
    jobs = await waiting(desk, "llm", 3)
    for job in jobs:
        await desk.fail(job.job_id)
    async with serving(desk.app) as host, a_page(browser) as page:
        await log_in(page, host, "/queues")
        await page.get_by_label("Choose all").check()
        await page.locator("[data-bulk]").click()
        await expect(page.get_by_text("every job came to a good end")).to_be_visible()
    assert {job.job_id for job in desk.starter.started} == {job.job_id for job in jobs}
