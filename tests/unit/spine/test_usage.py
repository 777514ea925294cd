"""Every attempt that sent something has one record; sums say what is known, and what is not."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from spine.budget import Spend
from spine.contracts.timestamps import utc_now
from spine.contracts.usage import UsageAccount
from spine.documents import USAGE
from spine.errors import DatabaseError, InvalidInputError, RateLimitError
from spine.model_chain import Attempt, noting_attempts
from spine.ports import ModelChoice, ModelRequest
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.scripted_models import ScriptedModels
from spine.usage import UsageTally, checked_dimensions, record_usage, records_of, spent_on, usage_report

ACCOUNT = UsageAccount(submission_id="sub_1", job_id="job_1", pipeline="book_review", stage="context_generation")
GROQ, OPENAI = ModelChoice("groq", "llama"), ModelChoice("openai", "gpt")


class City(BaseModel):
    city: str


QUESTION = ModelRequest(purpose="city", system="", prompt="Which city?", output_type=City, extractive=lambda: OSLO)
OSLO = City(city="Oslo")


async def attempts_at(script: Any, *chain: ModelChoice) -> list[Attempt[Any]]:
    with noting_attempts() as attempts:
        await ScriptedModels(script).answer(QUESTION, chain)
    return attempts


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_provider_that_was_asked_has_a_record_with_its_outcome() -> None:
    def script(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        return RateLimitError("slow down") if choice is GROQ else OSLO

    failed, answered = records_of(ACCOUNT, "city", await attempts_at(script, GROQ, OPENAI), utc_now())
    assert (failed.provider, failed.outcome, failed.error_class, failed.calls) == (
        "groq",
        "failed",
        "RateLimitError",
        1,
    )
    assert (failed.input_tokens, failed.cost_usd) == (0, 0.0)
    assert (answered.provider, answered.outcome, answered.error_class) == ("openai", "ok", None)
    assert answered.output_tokens > 0 and answered.at.date().isoformat() == answered.day
    assert (answered.submission_id, answered.job_id, answered.stage, answered.purpose) == (
        "sub_1",
        "job_1",
        "context_generation",
        "city",
    )
    assert failed.key != answered.key


async def test_an_answer_that_needs_no_model_has_no_record() -> None:
    attempts = await attempts_at(lambda request, choice: OSLO, ModelChoice("extractive", "extractive"))
    assert len(attempts) == 1 and records_of(ACCOUNT, "city", attempts, utc_now()) == []


async def test_asking_twice_is_two_records_and_storing_one_twice_is_one() -> None:
    documents = MemoryDocuments()
    for _ in range(2):
        await record_usage(documents, ACCOUNT, "city", await attempts_at(lambda request, choice: OSLO, GROQ))
    for record in await documents.find(USAGE):
        await documents.upsert(USAGE, record)
    assert await documents.count(USAGE) == 2


async def test_a_question_that_is_cancelled_still_tells_what_it_had_spent() -> None:
    answers = [{"town": "Oslo"}]

    async def script(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        if not answers:
            await asyncio.sleep(60)
        return answers.pop()

    with noting_attempts() as attempts:
        asking = asyncio.create_task(ScriptedModels(script).answer(QUESTION, [GROQ]))
        while not attempts or attempts[0].calls < 2:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
    (record,) = records_of(ACCOUNT, "city", attempts, utc_now())
    assert (record.outcome, record.calls) == ("cancelled", 2) and record.output_tokens > 0


async def test_a_store_that_is_away_costs_the_record_and_not_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryDocuments):
        async def upsert(self, collection: str, document: Any) -> None:
            raise DatabaseError("disk full")

    await record_usage(Away(), ACCOUNT, "city", await attempts_at(lambda request, choice: OSLO, GROQ))
    assert "was not stored" in caplog.text and "sub_1" in caplog.text


# ── summing up ────────────────────────────────────────────────────────────────────────────────────────────────


def record(key: str = "", **fields: Any) -> dict[str, Any]:
    made = {
        "submission_id": "sub_1",
        "job_id": "job_1",
        "pipeline": "book_review",
        "stage": "article_generation",
        "provider": "groq",
        "model": "llama",
        "calls": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd": 0.5,
        "seconds": 1.0,
        "outcome": "ok",
        "day": "2026-01-31",
        **fields,
    }
    return {"_id": key, "key": key, **made} if key else made


COSTS: dict[str, tuple[list[float | None], float | None, int]] = {
    "all known": ([0.5, 0.25], 0.75, 0),
    "nothing known is unknown, not zero": ([None, None], None, 2),
    "some known": ([0.5, None], 0.5, 1),
    "a failure that cost nothing beside an unknown price": ([0.0, None], None, 1),
    "free of charge": ([0.0, 0.0], 0.0, 0),
    "nothing at all": ([], 0.0, 0),
}


@pytest.mark.parametrize(("costs", "known", "unknown"), COSTS.values(), ids=COSTS)
def test_an_unknown_cost_stays_unknown(costs: list[float | None], known: float | None, unknown: int) -> None:
    tally = UsageTally(("day",))
    for cost in costs:
        tally.add(record(cost_usd=cost))
    total = tally.report().total
    assert (total.cost_usd, total.calls_with_unknown_cost) == (known, unknown)


def test_waits_are_given_as_sum_median_and_95th_percentile() -> None:
    tally = UsageTally(("stage",))
    for seconds in range(1, 101):
        tally.add(record(seconds=float(seconds), outcome="failed" if seconds > 90 else "ok"))
    (group,) = tally.report().groups
    assert (group.seconds, group.seconds_median, group.seconds_p95) == (5050.0, 50.5, 95.0)
    assert (group.attempts, group.failed, group.calls, group.input_tokens) == (100, 10, 100, 10_000)


GROUPINGS: dict[str, tuple[str, list[dict[str, str]]]] = {
    "days, newest first": ("day", [{"day": "2026-02-01"}, {"day": "2026-01-31"}]),
    "providers, by name": ("provider", [{"provider": "groq"}, {"provider": "openai"}]),
    "submissions, newest first": ("submission", [{"submission": "sub_2"}, {"submission": "sub_1"}]),
    "days and providers": (
        "day,provider",
        [
            {"day": "2026-02-01", "provider": "openai"},
            {"day": "2026-01-31", "provider": "openai"},
            {"day": "2026-01-31", "provider": "groq"},
        ],
    ),
}


@pytest.mark.parametrize(("group_by", "groups"), GROUPINGS.values(), ids=GROUPINGS)
def test_records_are_grouped_as_asked(group_by: str, groups: list[dict[str, str]]) -> None:
    tally = UsageTally(checked_dimensions(group_by.split(",")))
    tally.add(record())
    tally.add(record(provider="openai"))
    tally.add(record(provider="openai", day="2026-02-01", submission_id="sub_2"))
    assert [one.group for one in tally.report().groups] == groups


@pytest.mark.parametrize("group_by", ["", "colour", "day,colour"])
def test_an_unknown_grouping_is_refused_by_name(group_by: str) -> None:
    with pytest.raises(InvalidInputError, match="choose from day, provider, model, stage, submission, pipeline"):
        checked_dimensions(group_by.split(",") if group_by else [])


async def test_a_report_covers_the_days_and_the_submission_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spine.usage._BATCH", 2)
    documents = MemoryDocuments()
    for number, day in enumerate(["2026-01-29", "2026-01-30", "2026-01-30", "2026-01-31", "2026-02-01"]):
        await documents.insert(USAGE, record(f"ask_{number}:0", day=day, submission_id=f"sub_{number % 2}"))
    days = {"first_day": date(2026, 1, 30), "last_day": date(2026, 1, 31)}
    assert (await usage_report(documents, ["day"], **days)).total.attempts == 3
    assert (await usage_report(documents, ["day"], **days, submission_id="sub_1")).total.attempts == 2


async def test_what_a_submission_has_spent_is_the_sum_over_all_its_jobs() -> None:
    documents = MemoryDocuments()
    for number, cost in enumerate([0.5, None, 0.25]):
        await documents.insert(USAGE, record(f"ask_{number}:0", cost_usd=cost, job_id=f"job_{number}"))
    await documents.insert(USAGE, record("ask_9:0", submission_id="sub_2"))
    assert await spent_on(documents, "sub_1") == Spend(330, 0.75)
