"""Health, figures and documentation."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import health
from gateway.health import DEPENDENCIES, DependencyHealth, overall
from spine.presence import LaneStatus
from tests.gateway.gateway_desk import BOOK_URL, Desk, open_desk

WELL, ILL, OFF = (DependencyHealth(status=status) for status in ("healthy", "unhealthy", "disabled"))


@pytest.mark.parametrize(
    ("dependencies", "lanes", "tick_age", "mode", "expected"),
    [
        ({"documents": WELL, "redis": WELL}, 2, 3.0, "queue", "healthy"),
        ({"documents": WELL, "redis": OFF}, 0, None, "in-place", "healthy"),
        ({"documents": WELL, "redis": ILL}, 2, 3.0, "queue", "degraded"),
        ({"documents": WELL, "redis": WELL}, 0, 3.0, "queue", "degraded"),
        ({"documents": WELL, "redis": WELL}, 2, 500.0, "queue", "degraded"),
        ({"documents": WELL, "redis": WELL}, 2, None, "queue", "healthy"),
        ({"documents": ILL, "redis": WELL}, 2, 3.0, "queue", "unhealthy"),
    ],
    ids=["all well", "no queue, no lanes", "redis away", "no lane", "scheduler silent", "just begun", "documents away"],
)
def test_one_word_for_the_whole(
    dependencies: dict[str, DependencyHealth], lanes: int, tick_age: float | None, mode: str, expected: str
) -> None:
    assert overall(dependencies, lanes, tick_age, mode) == expected


@pytest.mark.parametrize("path", ["/health", "/api/jobs", "/", "/nowhere"])
async def test_head_has_the_answer_of_get_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    full, head = await client.get(path), await client.head(path)
    assert full.content and not head.content
    assert (head.status_code, head.headers["content-type"]) == (full.status_code, full.headers["content-type"])
    assert "content-length" in head.headers


async def test_a_stranger_learns_the_status_only(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


OTHERS = {"lanes", "unserved_queues", "workers", "scheduler_tick_age", "active_websockets"}


async def test_a_token_shows_every_part(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/health")).json()
    assert set(shown) == {"status", "version", "timestamp", "execution_mode", *DEPENDENCIES, *OTHERS}
    assert shown["documents"]["status"] == "healthy" and shown["redis"]["status"] == "disabled"
    [lane] = shown["lanes"]
    assert {"name", "state", "last_seen", "concurrency", "running"} <= set(lane)


async def test_a_queue_whose_jobs_no_lane_takes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", -1)
    desk = await open_desk(execution_mode="queue", queues=("default", "llm"))
    await desk.presence.announce(LaneStatus(name="pipelines", queues={"default": 8}))
    await desk.context.ledger.create("conversation", "session_1", queue="default")
    async with desk.client() as client:
        shown = (await client.get("/health")).json()
        assert (shown["status"], shown["unserved_queues"]) == ("healthy", [])
        await desk.context.ledger.create("module_graph", "graph_1", queue="llm")
        shown = (await client.get("/health")).json()
    assert (shown["status"], shown["unserved_queues"]) == ("degraded", ["llm"])


async def test_a_dependency_that_hangs_or_fails_is_shown_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)

    async def hangs() -> None:
        await asyncio.sleep(60)

    async def fails() -> None:
        raise OSError("redis://:password@127.0.0.1 refused")

    async def well() -> None: ...

    desk = await open_desk(probes={"redis": fails, "prefect": hangs, "documents": well})
    async with desk.client() as client:
        answer = await client.get("/health")
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "degraded")
    assert (shown["redis"]["error"], shown["prefect"]["error"]) == ("OSError", "TimeoutError")
    assert "password" not in answer.text


WORKER = {"name": "one", "pool": "millrace", "status": "online", "last_seen": None}

LISTS: list[tuple[str, list[list[dict[str, Any]] | None], float, list[dict[str, Any]], str | None]] = [
    # what the server gives, one after the other (None: nothing) · how long one is kept · shown · `prefect`'s error
    ("an answer", [[WORKER]], 60, [WORKER], None),
    ("no worker is there", [[]], 60, [], None),
    ("slow once", [[WORKER], None], 60, [WORKER], None),
    ("the worker left", [[WORKER], []], 60, [], None),
    ("slow from the start", [None], 60, [], "WorkersUnknown"),
    ("slow for long", [[WORKER], None], -1, [], "WorkersUnknown"),
    ("slow, then not", [None, [WORKER]], 60, [WORKER], None),
]


@pytest.mark.parametrize(("lists", "kept", "shown", "error"), [one[1:] for one in LISTS], ids=[one[0] for one in LISTS])
async def test_an_empty_list_of_workers_means_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
    lists: list[list[dict[str, Any]] | None],
    kept: float,
    shown: list[dict[str, Any]],
    error: str | None,
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", -1)
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(health, "WORKERS_KEPT_SECONDS", kept)
    left = iter(lists)

    async def workers() -> list[dict[str, Any]]:
        if (found := next(left)) is None:
            await asyncio.sleep(60)
        return found or []

    async def well() -> None: ...

    desk = await open_desk(probes={"prefect": well}, workers=workers)
    async with desk.client() as client:
        told = [(await client.get("/health")).json() for _ in lists][-1]
    assert (told["workers"], told["prefect"]["error"]) == (shown, error)
    assert told["status"] == ("degraded" if error else "healthy")


async def test_a_gateway_that_can_store_nothing_answers_503() -> None:
    async def fails() -> None:
        raise OSError

    desk = await open_desk(probes={"documents": fails})
    async with desk.client(token=None) as stranger:
        answer = await stranger.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "unhealthy"})


# -- figures -------------------------------------------------------------------------------------------------------


def sample(text: str, name: str, **labels: str) -> float | None:
    """The value of the one sample with this name whose labels include these."""
    for family in text_string_to_metric_families(text):
        for found in family.samples:
            if found.name == name and labels.items() <= found.labels.items():
                return found.value
    return None


async def test_the_figures_parse_and_count(client: httpx.AsyncClient, desk: Desk) -> None:
    made, _ = await desk.submission(), await desk.submission()
    await desk.fail(made["job_id"])
    await client.get(f"/submissions/{made['submission_id']}")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    assert sample(text, "millrace_jobs", pipeline="book_review", status="FAILURE") == 1
    assert sample(text, "millrace_jobs", pipeline="book_review", status="PENDING") == 1
    assert sample(text, "millrace_queue_depth", queue="pipelines") == 1
    assert (sample(text, "millrace_oldest_pending_seconds") or -1) >= 0
    assert sample(text, "millrace_websockets") == 0
    route = {"method": "GET", "route": "/submissions/{submission_id}", "status": "200"}
    assert sample(text, "millrace_request_seconds_count", **route) == 1


async def test_figures_of_two_applications_do_not_meet() -> None:
    first, second = await open_desk(), await open_desk()
    async with first.client() as one, second.client() as other:
        await one.post("/submit", json={"amazon_url": BOOK_URL})
        text = (await other.get("/metrics")).text
    assert sample(text, "millrace_request_seconds_count", route="/submit") is None


async def test_unknown_paths_and_methods_make_no_new_labels(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.request("BREW", f"/no/such/{number}")
    text = (await client.get("/metrics")).text
    assert "/no/such" not in text and "BREW" not in text


# -- documentation -------------------------------------------------------------------------------------------------


async def test_the_documentation_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "http://" not in page and "https://" not in page
    assert not re.search(r"<script(?![^>]* src=)", page)
    for asset in re.findall(r'(?:href|src)="(/[^"]+\.(?:js|css))"', page):
        answer = await client.get(asset)
        assert answer.status_code == 200 and answer.content, asset


async def test_every_call_of_the_documentation_says_what_it_does(desk: Desk) -> None:
    schema: dict[str, Any] = desk.app.openapi()
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            assert call["summary"] and call["tags"], (method, path)
