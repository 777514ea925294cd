"""A review's budget and its account: what is asked is written down once, and nothing is asked beyond the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.documents import PIPELINE_CONFIGS, USAGE
from spine.testing.scripted_models import ScriptedModels
from spine.usage import spent_on
from tasks.book_review.configuration import pipeline_document
from tasks.book_review.template import TEMPLATE
from tests.flows.conftest import World
from tests.flows.test_book_review import good_model

MakeWorld = Callable[..., Any]


def a_cent_a_token(provider: str, model_id: str, input_tokens: int, output_tokens: int) -> float | None:
    return (input_tokens + output_tokens) * 0.01


def unknown_price(provider: str, model_id: str, input_tokens: int, output_tokens: int) -> float | None:
    return None


async def allow(world: World, **budget: Any) -> None:
    await world.services.documents.upsert(
        PIPELINE_CONFIGS, pipeline_document(TEMPLATE.model_copy(update={"budget_tokens": None, **budget}))
    )


async def records(world: World) -> list[dict[str, Any]]:
    return await world.services.documents.find(USAGE, sort=[("at", 1)])


async def test_every_question_has_one_record_and_a_cached_or_redelivered_one_has_none(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model, price=a_cent_a_token))
    submission, job = await world.submit()
    await asyncio.gather(world.run(job), world.run(job))
    job = await world.services.ledger.get(job.job_id)
    written = await records(world)
    assert len(written) == len(world.models.calls) == 7
    assert {one["stage"] for one in written} == {
        "additional_links_scrape",
        "summarize_additional_links",
        "internet_research",
        "context_generation",
        "article_generation",
    }
    assert {one["submission_id"] for one in written} == {submission.submission_id}
    assert {(one["job_id"], one["pipeline"], one["outcome"]) for one in written} == {(job.job_id, "book_review", "ok")}
    spent = await spent_on(world.services.documents, submission.submission_id)
    assert spent.tokens == job.usage.input_tokens + job.usage.output_tokens
    assert job.usage.cost_usd is not None and abs(spent.usd - job.usage.cost_usd) < 1e-6

    _, again = await world.reviews.retry(submission.submission_id)
    assert (await world.run(again)).status is JobStatus.SUCCESS
    assert len(await records(world)) == 7


async def test_a_review_stops_before_it_overspends_and_goes_on_when_it_may_spend_more(make_world: MakeWorld) -> None:
    """The questions about the links run side by side and share the budget; the article would go beyond it."""
    world: World = await make_world(ScriptedModels(good_model, price=a_cent_a_token))
    await allow(world, budget_tokens=9_000)
    submission, job = await world.review()
    assert job.status is JobStatus.FAILURE and job.error is not None
    assert (job.error.error_class, job.error.retryable) == ("BudgetExceededError", False)
    assert submission.status is SubmissionStatus.FAILED
    (error,) = submission.errors
    assert (error.error_class, error.error_code, error.step) == (
        "BudgetExceededError",
        "budget_exceeded",
        "article_generation",
    )
    assert "of 9,000 are left" in error.message
    assert "article" not in world.models.purposes
    assert submission.stages["article_generation"].attempts[-1]["error_class"] == "BudgetExceededError"
    asked = len(world.models.calls)
    spent = await spent_on(world.services.documents, submission.submission_id)
    assert 0 < spent.tokens <= 9_000
    assert spent.tokens == job.usage.input_tokens + job.usage.output_tokens

    await allow(world, budget_tokens=9_000, budget_usd=1000.0)
    _, refused = await world.reviews.retry(submission.submission_id)
    refused = await world.run(refused)
    assert refused.error is not None and refused.error.error_class == "BudgetExceededError"
    assert len(world.models.calls) == asked and refused.usage.calls == 0

    await allow(world, budget_tokens=60_000)
    _, resumed = await world.reviews.retry(submission.submission_id)
    assert (await world.run(resumed)).status is JobStatus.SUCCESS
    assert world.models.purposes[asked:] == ["article"]


async def test_money_is_limited_where_prices_are_known(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model, price=unknown_price))
    world.services.price = a_cent_a_token
    await allow(world, budget_usd=0.5)
    submission, job = await world.review()
    assert job.error is not None and job.error.error_class == "BudgetExceededError"
    assert "of $0.5000 is left" in job.error.message
    assert (await records(world)) == [] and world.models.calls == []

    world.services.price = unknown_price
    _, again = await world.reviews.retry(submission.submission_id)
    again = await world.run(again)
    assert again.status is JobStatus.SUCCESS and again.usage.cost_usd is None
    assert {one["cost_usd"] for one in await records(world)} == {None}
