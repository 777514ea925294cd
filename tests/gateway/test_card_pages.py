"""The board and the page of a card: where each stands, what can be done, and the terminal of its agent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import Browser, expect

from gateway.card_logs import ArchivedLine
from spine.card_runs import CardRuns
from spine.cards import CardDesk
from spine.contracts.cards import Card, CardStatus
from spine.contracts.jobs import JobError, Usage
from tests.gateway.browsing import a_page, chromium, log_in
from tests.gateway.furnishing import add_cards
from tests.gateway.gateway_desk import Desk, open_desk, serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def test_an_empty_board_says_what_to_do(client: httpx.AsyncClient) -> None:
    assert "millrace backlog load FILE" in (await client.get("/cards")).text


async def test_the_board_has_a_column_for_each_status_and_bars_of_what_runs(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await add_cards(desk)
    text = (await client.get("/cards")).text
    order = [text.index(f'id="column-{name}"') for name in ("PENDING", "IN_PROGRESS", "BLOCKED", "FAILED", "DONE")]
    assert order == sorted(order)
    assert order[1] < text.index("Answer with problem documents") < order[2] and text.count('class="bar"') == 1
    assert order[3] < text.index("Rotate the logs") < order[4]
    assert "The agent ended with exit code 1." in text and "priority 8" in text


async def test_the_board_keeps_to_one_squad_and_a_long_column_has_a_list_of_its_own(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    await add_cards(desk)
    text = (await client.get("/cards", params={"squad": "operations"})).text
    assert "Rotate the logs" in text and "Document the codes" not in text
    many = [Card(card_id=f"M-{number}", title=f"Card {number}") for number in range(60)]
    await CardDesk(desk.documents, desk.context.ledger).load(many)
    board = (await client.get("/cards")).text
    assert "/cards?status=PENDING&amp;squad=" in board and board.count('class="card row"') == 15 + 2
    column = (await client.get("/cards", params={"status": "PENDING"})).text
    assert column.count('class="card row"') == 50 and 'rel="next"' in column


@pytest.mark.parametrize(
    ("card_id", "offered", "withheld"),
    [
        pytest.param("OPS-2", ["/api/cards/OPS-2/run"], ["/retry", "/cancel"], id="one that waits is begun"),
        pytest.param("API-12", ["/cancel", "force"], ["/run&quot;"], id="one that runs is stopped, or begun by force"),
        pytest.param("OPS-1", ["/api/tasks/OPS-1/retry"], ["/cancel", "force"], id="one that failed is tried again"),
    ],
)
async def test_buttons_are_those_that_make_sense(
    client: httpx.AsyncClient, desk: Desk, card_id: str, offered: list[str], withheld: list[str]
) -> None:
    await add_cards(desk)
    text = (await client.get(f"/card/{card_id}")).text
    assert [part for part in offered if part not in text] == []
    assert [part for part in withheld if part in text] == []


@pytest.mark.parametrize("came_to", [CardStatus.DONE, CardStatus.FAILED])
async def test_a_card_that_was_defined_anew_after_its_run_can_be_given_to_an_agent(
    client: httpx.AsyncClient, desk: Desk, came_to: CardStatus
) -> None:
    cards, ledger = CardDesk(desk.documents, desk.context.ledger), desk.context.ledger
    await cards.load([Card(card_id="DOC-1", title="Describe it")])
    job = await ledger.begin((await cards.run("DOC-1")).job_id, "lane-1")
    assert job is not None
    await cards.note(job, came_to)
    if came_to is CardStatus.DONE:
        await ledger.succeed(job, {}, Usage())
    else:
        await ledger.fail(job, JobError(error_class="AgentFailedError", message="no"), Usage())
    assert "/run" not in _buttons((await client.get("/card/DOC-1")).text)
    await cards.load([Card(card_id="DOC-1", title="Describe it better")])
    assert _buttons((await client.get("/card/DOC-1")).text) == "/api/cards/DOC-1/run"
    assert (await client.post("/api/cards/DOC-1/run")).status_code == 202


def _buttons(text: str) -> str:
    return " ".join(re.findall(r'data-send="([^"]+)"', text))


async def test_a_card_shows_what_is_asked_for_and_how_its_run_went(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_cards(desk)
    asked = (await client.get("/card/API-12")).text
    for expected in ("RFC 9457", "Every 4xx has a code", "make test", "docs/errors.md", "the squad is web"):
        assert expected in asked, expected
    failed = (await client.get("/card/OPS-1")).text
    assert "AgentFailedError in agent" in failed and "giving up" in failed
    assert (await client.get("/card/none")).status_code == 404


async def test_when_the_live_lines_are_gone_the_complete_log_is_shown() -> None:
    def read(log: str) -> list[ArchivedLine]:
        return [ArchivedLine(datetime(2026, 5, 4, tzinfo=UTC), "stdout", f"\x1b[31mfrom {log}\x1b[0m")]

    desk = await open_desk(read_archive=read)
    cards = CardDesk(desk.documents, desk.context.ledger)
    await cards.load([Card(card_id="OLD", title="Old")])
    job = await desk.context.ledger.begin((await cards.run("OLD")).job_id, "lane-1")
    assert job is not None
    await CardRuns(desk.documents).begin(job)
    await CardRuns(desk.documents).add_log(job, "attempt-1.log.zst")
    await desk.context.ledger.succeed(job, {}, Usage())
    async with desk.client() as client:
        assert "<span>from attempt-1.log.zst</span>" in (await client.get("/card/OLD")).text


@pytest.mark.browser
async def test_the_terminal_is_live_and_in_colours(browser: Browser) -> None:
    desk = await open_desk()
    await add_cards(desk)
    async with serving(desk.app) as host, a_page(browser) as page:
        await log_in(page, host, "/card/API-12")
        await expect(page.locator("#log .ink-1")).to_have_text("1 failed")
        job = await CardDesk(desk.documents, desk.context.ledger).latest_run("API-12")
        await desk.tell(job.job_id, 60, type="log", message="\x1b[35mtrying again\x1b[0m", stream="stderr")
        await expect(page.locator("#log .stderr .ink-5")).to_have_text("trying again")


PAINTED = [
    pytest.param("plain <b>text</b>", "plain &lt;b&gt;text&lt;/b&gt;", id="markup is text"),
    pytest.param("a\x1b[31mb\x1b[0mc", 'a<span class="ink-1">b</span>c', id="a colour until it is reset"),
    pytest.param("\x1b[1;4;32mx", '<span class="bold underline ink-2">x</span>', id="several at once"),
    pytest.param("\x1b[1mx\x1b[22my", '<span class="bold">x</span>y', id="a mark is taken back"),
    pytest.param("\x1b[97;41mx", '<span class="ink-15 ground-1">x</span>', id="bright ink on a ground"),
    pytest.param("\x1b[38;5;196mx", '<span class="ink-9">x</span>', id="one of 256 as the nearest"),
    pytest.param("\x1b[38;2;0;0;200mx", '<span class="ink-12">x</span>', id="any colour as the nearest"),
    pytest.param("\x1b[38;5;240mx", '<span class="ink-7">x</span>', id="a grey"),
    pytest.param("a\x1b[2K\x1b[1Gb\x07", "ab", id="cursor moves and bells are dropped"),
    pytest.param("\x1b]8;;https://evil.example\x07x\x1b]8;;\x07", "x", id="links are dropped, their text stays"),
    pytest.param("\x1b[31", "31", id="an unfinished sequence colours nothing"),
    pytest.param("\x1b[999mx", "x", id="an unknown code is ignored"),
]


@pytest.mark.browser
async def test_a_card_that_was_not_given_to_anybody_follows_the_run_that_somebody_else_begins(
    browser: Browser,
) -> None:
    desk = await open_desk()
    cards = CardDesk(desk.documents, desk.context.ledger)
    await cards.load([Card(card_id="A", title="Somebody's turn")])
    other, _ = await desk.context.ledger.create("conversation", "s", queue="llm")
    async with serving(desk.app) as host, a_page(browser) as page:
        await log_in(page, host, "/card/A")
        job = await cards.run("A")
        await desk.tell(other.job_id, 5, type="log", message="another job's line")
        await desk.tell(job.job_id, 0, type="state", status="PENDING", message="queued")
        await expect(page.locator(f"[data-live-job='{job.job_id}']")).to_be_attached()
        await desk.tell(job.job_id, 5, type="log", message="its own line")
        await expect(page.locator("#log")).to_contain_text("its own line")
        await expect(page.locator("#log")).not_to_contain_text("another job's line")


async def test_a_line_of_a_terminal_becomes_text_and_our_own_classes(browser: Browser) -> None:
    desk = await open_desk()
    async with serving(desk.app) as host, a_page(browser) as page:
        await log_in(page, host, "/cards")
        script = """async (lines) => {
            const { paint } = await import("/static/terminal.js");
            return lines.map((line) => {
                const target = document.createElement("span");
                paint(target, line);
                return target.innerHTML;
            });
        }"""
        lines = [str(one.values[0]) for one in PAINTED]
        painted = await page.evaluate(script, lines)
    assert dict(zip(lines, painted, strict=True)) == {str(one.values[0]): one.values[1] for one in PAINTED}
