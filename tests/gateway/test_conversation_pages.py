"""The pages of conversations: what was said, whether it arrived, and what came of it."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from gateway.pages.conversations import TURNS
from gateway.pages.subjects import subject_page
from spine.contracts.conversations import CONVERSATION, Session, TaskName, Turn
from spine.contracts.jobs import Job
from spine.conversations import session_document, turn_document
from spine.documents import CONVERSATIONS, JOBS, MESSAGES
from tests.gateway.furnishing import SESSION, add_conversation
from tests.gateway.gateway_desk import Desk


async def test_an_empty_list_says_what_to_do(client: httpx.AsyncClient) -> None:
    assert "millrace say" in (await client.get("/conversations")).text


async def test_the_list_shows_who_waits_for_what(client: httpx.AsyncClient, desk: Desk) -> None:
    [path] = await add_conversation(desk)
    text = (await client.get("/conversations")).text
    for expected in ("Ana Pop", "open question", "order to be confirmed", "5 messages", f'href="{path}"', SESSION):
        assert expected in text, expected


async def test_the_list_keeps_to_one_platform(client: httpx.AsyncClient, desk: Desk) -> None:
    await add_conversation(desk)
    assert "Ana Pop" in (await client.get("/conversations", params={"platform": "telegram"})).text
    assert "Ana Pop" not in (await client.get("/conversations", params={"platform": "web"})).text


async def test_a_conversation_shows_all_that_is_known_of_it(client: httpx.AsyncClient, desk: Desk) -> None:
    [path] = await add_conversation(desk)
    text = (await client.get(path)).text
    for expected in (
        "Do you have The Salt Road?",
        "two copies are there",
        "up to message 2",
        "Nobody knows whether this was sent",
        "25.00 EUR",
        "2 × The Salt Road",
        "The CRM was away.",
        "Unconfirmed order",
        "Your order waits for you.",
        "Process and respond",
        'href="/run/job_2"',
    ):
        assert expected in text, expected
    assert text.count("in the summary") == 2
    assert (await client.get("/conversation/nobody")).status_code == 404


async def test_a_transcript_reads_downwards_and_is_served_in_pages(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.documents.insert(CONVERSATIONS, session_document(Session(session_id="s", platform="web")))
    for seq in range(1, TURNS + 11):
        turn = Turn(message_id=f"m{seq}", session_id="s", seq=seq, role="user", text=f"word-{seq}.")
        await desk.documents.insert(MESSAGES, turn_document(turn))
    newest = (await client.get("/conversation/s")).text
    assert newest.index("word-11.") < newest.index("word-60.") and "word-10." not in newest
    link = re.search(r'href="([^"]+)" rel="next"', newest)
    assert link is not None
    older = (await client.get(unescape(link[1]))).text
    assert older.index("word-1.") < older.index("word-10.") and "word-11." not in older


@pytest.mark.parametrize("session_id", ["api:a/b", "a b?c#d", "50%", 'Zoë & "co" <x>', "a%2Fb", "кіт:1"])
async def test_an_id_may_be_made_of_anything(client: httpx.AsyncClient, desk: Desk, session_id: str) -> None:
    await add_conversation(desk, session_id)
    link = re.search(r'href="(/conversation/[^"]+)"', (await client.get("/conversations")).text)
    assert link is not None
    assert (await client.get(unescape(link[1]))).status_code == 200
    [job] = await desk.documents.find(JOBS, {"subject_id": session_id})
    assert f'href="{link[1]}"' in (await client.get(f"/run/{job['_id']}")).text, "its runs lead to it"


@pytest.mark.parametrize(
    ("task", "page"),
    [
        pytest.param(TaskName.PROCESS_MESSAGE, "/conversation/webhook%3Ashop", id="a message"),
        pytest.param(TaskName.HANDLE_WEBHOOK, None, id="a webhook that speaks to nobody"),
        pytest.param(TaskName.PING, None, id="a ping"),
    ],
)
def test_only_what_belongs_to_a_conversation_leads_to_one(task: TaskName, page: str | None) -> None:
    job = Job(
        job_id="j",
        pipeline=CONVERSATION,
        subject_id="webhook:shop",
        idempotency_key="k",
        params={"task": str(task)},
    )
    assert subject_page(job) == page
