"""What strangers and models wrote is shown as text on every page that shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.evil_data import (
    add_evil_cards,
    add_evil_conversations,
    add_evil_dead_letters,
    add_evil_graphs,
    add_evil_personas,
    evil_elements,
    open_evil_desk,
)
from tests.gateway.gateway_desk import Desk, serving


@pytest.mark.parametrize(
    "add",
    [
        pytest.param(add_evil_personas, id="personas"),
        pytest.param(add_evil_conversations, id="conversations"),
        pytest.param(add_evil_dead_letters, id="queues and dead letters"),
        pytest.param(add_evil_cards, id="cards"),
        pytest.param(add_evil_graphs, id="graphs"),
    ],
)
async def test_nothing_in_the_data_becomes_markup(add: Callable[[Desk], Awaitable[list[str]]]) -> None:
    desk = await open_evil_desk()
    paths = await add(desk)
    async with desk.client() as client:
        answers = {path: await client.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {path: evil_elements(answer.text) for path, answer in answers.items()} == {path: [] for path in paths}
    assert any("alert(1)" in answer.text for answer in answers.values()), "it is shown, as text"


@pytest.mark.browser
async def test_no_script_of_the_data_runs_in_a_real_browser() -> None:
    """Their payloads call `alert`; the live log and the terminal are filled by scripts of our own."""
    desk = await open_evil_desk()
    added = (
        add_evil_personas,
        add_evil_conversations,
        add_evil_dead_letters,
        add_evil_cards,
        add_evil_graphs,
    )
    paths = [path for add in added for path in await add(desk)]
    alarms: list[str] = []
    async with serving(desk.app) as host, chromium() as browser, a_page(browser) as page:
        page.on("dialog", lambda dialog: alarms.append(dialog.message))
        await log_in(page, host)
        for path in paths:
            await page.goto(f"http://{host}{path}")
            if path == "/card/evil":
                await page.locator("#log li").first.wait_for()
            assert await page.locator("main img, main script").count() == 0, path
    assert alarms == []
