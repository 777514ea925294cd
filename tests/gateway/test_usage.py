"""What models cost, as the gateway tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from spine.contracts.timestamps import iso
from spine.documents import USAGE
from tests.gateway.gateway_desk import Desk
from tests.gateway.test_operations import sample

TODAY = datetime.now(UTC)


async def spend(desk: Desk, key: str, *, days_ago: int = 0, **fields: Any) -> None:
    at = TODAY - timedelta(days=days_ago)
    made = {
        "submission_id": "sub_1",
        "job_id": "job_1",
        "pipeline": "book_review",
        "stage": "article_generation",
        "purpose": "article",
        "provider": "groq",
        "model": "llama",
        "calls": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd": 0.5,
        "seconds": 2.0,
        "outcome": "ok",
        "error_class": None,
        "day": at.date().isoformat(),
        "at": iso(at),
    }
    await desk.documents.upsert(USAGE, {"_id": key, "key": key, **made, **fields})


def day(days_ago: int) -> str:
    return (TODAY - timedelta(days=days_ago)).date().isoformat()


@pytest.fixture
async def spent(desk: Desk) -> None:
    """Today one answer of each of two providers, one of them without a price; one answer yesterday; one long ago."""
    await spend(desk, "ask_4:0")
    await spend(desk, "ask_3:0", provider="openai", cost_usd=None, submission_id="sub_2")
    await spend(desk, "ask_2:0", days_ago=1, stage="context_generation")
    await spend(desk, "ask_1:0", days_ago=90)


@pytest.mark.usefixtures("spent")
async def test_by_default_the_last_thirty_days_are_told_by_day_newest_first(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/usage")).json()
    assert [item["group"] for item in told["items"]] == [{"day": day(0)}, {"day": day(1)}]
    assert (told["total"], told["next"]) == (2, None)
    today = told["items"][0]
    assert (today["calls"], today["input_tokens"], today["output_tokens"]) == (2, 200, 20)
    assert (today["cost_usd"], today["calls_with_unknown_cost"]) == (0.5, 1)
    assert (told["totals"]["calls"], told["totals"]["cost_usd"]) == (3, 1.0)
    assert (told["first_day"], told["last_day"]) == (day(29), day(0))


GROUPS: dict[str, list[dict[str, str]]] = {
    "provider": [{"provider": "groq"}, {"provider": "openai"}],
    "stage": [{"stage": "article_generation"}, {"stage": "context_generation"}],
    "submission": [{"submission": "sub_2"}, {"submission": "sub_1"}],
    "day,provider": [
        {"day": day(0), "provider": "openai"},
        {"day": day(0), "provider": "groq"},
        {"day": day(1), "provider": "groq"},
    ],
}


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(("group_by", "groups"), GROUPS.items(), ids=list(GROUPS))
async def test_costs_are_grouped_as_asked(
    group_by: str, groups: list[dict[str, str]], client: httpx.AsyncClient
) -> None:
    told = (await client.get("/api/usage", params={"group_by": group_by})).json()
    assert [item["group"] for item in told["items"]] == groups


@pytest.mark.usefixtures("spent")
async def test_a_provider_without_any_known_price_has_an_unknown_cost(client: httpx.AsyncClient) -> None:
    told = (await client.get("/api/usage", params={"group_by": "provider"})).json()
    assert [(item["group"]["provider"], item["cost_usd"]) for item in told["items"]] == [
        ("groq", 1.0),
        ("openai", None),
    ]


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(
    ("params", "calls"),
    [
        pytest.param({"from": day(90), "to": day(90)}, 1, id="one day"),
        pytest.param({"from": day(90)}, 4, id="from a day on"),
        pytest.param({"to": day(1)}, 1, id="thirty days to yesterday"),
        pytest.param({"submission_id": "sub_2"}, 1, id="one submission"),
        pytest.param({"submission_id": "sub_9"}, 0, id="an unknown submission"),
    ],
)
async def test_days_and_submission_narrow_what_is_counted(
    params: dict[str, str], calls: int, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/api/usage", params=params)).json()["totals"]["calls"] == calls


@pytest.mark.usefixtures("spent")
async def test_pages_follow_each_other_and_the_totals_stay_those_of_all(client: httpx.AsyncClient) -> None:
    params: dict[str, Any] = {"group_by": "day,provider", "limit": 1}
    seen: list[dict[str, str]] = []
    while True:
        page = (await client.get("/api/usage", params=params)).json()
        seen += [item["group"] for item in page["items"]]
        assert (page["total"], page["totals"]["calls"]) == (3, 3)
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == GROUPS["day,provider"]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        pytest.param({"group_by": "colour"}, "choose from day", id="an unknown group"),
        pytest.param({"from": "2026-02-02", "to": "2026-02-01"}, "is after", id="days in the wrong order"),
        pytest.param({"from": "2020-01-01", "to": "2026-02-01"}, "at most 366 days", id="more than a year"),
        pytest.param({"cursor": "of another list"}, "not of this list", id="a strange cursor"),
        pytest.param({"from": "yesterday"}, "", id="not a day"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_its_reason(
    params: dict[str, str], says: str, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/api/usage", params=params)
    assert answer.status_code == 422 and says in answer.json()["detail"]


async def test_a_stranger_is_told_nothing(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/api/usage")).status_code == 401


async def test_prometheus_counts_each_record_once_from_the_start_of_the_process(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.metrics.KEPT_SECONDS", -1)
    await spend(desk, "ask_0:0", days_ago=1)
    async with desk.client() as client:
        assert sample((await client.get("/metrics")).text, "millrace_model_tokens_total") is None
        now = iso(datetime.now(UTC))
        await spend(desk, "ask_1:0", at=now)
        await spend(desk, "ask_2:0", at=now, provider="openai", cost_usd=None, outcome="failed")
        for _ in range(2):
            text = (await client.get("/metrics")).text
    assert sample(text, "millrace_model_tokens_total", provider="groq", direction="input") == 100
    assert sample(text, "millrace_model_cost_usd_total", provider="groq") == 0.5
    assert sample(text, "millrace_model_cost_usd_total", provider="openai") is None
    assert sample(text, "millrace_model_unpriced_calls_total", provider="openai") == 1
    assert sample(text, "millrace_model_attempts_total", provider="openai", outcome="failed") == 1
