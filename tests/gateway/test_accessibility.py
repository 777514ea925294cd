"""Every page as axe-core judges it, light and dark, and at the widths that people have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from gateway.pages.navigation import GROUPS
from spine.documents import PROMPTS
from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.furnished_reviews import add_reviews
from tests.gateway.furnishing import add_cards, add_conversation, add_graph_job, add_personas, declared, found_passages
from tests.gateway.gateway_desk import Desk, open_desk, serving

pytestmark = pytest.mark.browser
SERIOUS = {"serious", "critical"}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def furnished() -> tuple[Desk, list[str]]:
    """A desk with something of everything, and the addresses of all its pages."""
    desk = await open_desk(search_passages=found_passages, graphs=declared())
    running, ready, failed = (await add_reviews(desk)).values()
    await desk.context.ledger.create("conversation", "s", queue="llm")
    prompt = {
        "_id": "p@1",
        "prompt_id": "p",
        "purpose": "article",
        "version": 1,
        "template": "{title}",
        "activation": 1,
    }
    await desk.documents.insert(PROMPTS, prompt)
    review = f"/review/{ready['submission_id']}"
    places = [place.path for group in GROUPS for place in group.places if place.path != "/docs"]
    details = [
        review,
        *(f"{review}/{tool}" for tool in ("edit", "changes", "rerun")),
        f"/run/{running['job_id']}",
        f"/run/{ready['job_id']}",
        f"/run/{failed['job_id']}",
        "/configuration/pipelines/book-review",
        "/configuration/prompts/p",
        *await add_personas(desk),
        *await add_conversation(desk),
        *await add_cards(desk),
        *await add_graph_job(desk),
    ]
    return desk, [*places, *details]


def serious(found: dict[str, Any]) -> list[str]:
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_has_a_serious_barrier(browser: Browser, scheme: str) -> None:
    desk, paths = await furnished()
    async with serving(desk.app) as host, a_page(browser, color_scheme=scheme) as page:
        await log_in(page, host)
        found: dict[str, list[str]] = {}
        for path in paths:
            await page.goto(f"http://{host}{path}")
            found[path] = serious((await Axe().run(page)).response)
        assert {path: barriers for path, barriers in found.items() if barriers} == {}


async def widest(page: Page) -> int:
    return await page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("width", [360, 1280, 3840])
async def test_no_page_scrolls_sideways(browser: Browser, width: int) -> None:
    desk, paths = await furnished()
    async with serving(desk.app) as host, a_page(browser, viewport={"width": width, "height": 900}) as page:
        await log_in(page, host)
        for path in paths:
            await page.goto(f"http://{host}{path}")
            assert await widest(page) <= width, path
