"""The book review from submission to an article that waits for its reviewer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from spine.contracts.jobs import JobStatus
from spine.contracts.pipelines import PipelineConfig
from spine.contracts.submissions import SubmissionStatus
from spine.contracts.texts import ContextBrief, DraftArticle, LinkSummary, ResearchInsight
from spine.documents import BOOKS, KNOWLEDGE_BASE, LINK_BIBLIOGRAPHIC_CANDIDATES, PIPELINE_CONFIGS, SUMMARIES
from spine.errors import CaptchaError, ExternalServiceError, RateLimitError
from spine.ports import ModelChoice, ModelRequest
from spine.services import using
from spine.submissions import STAGES
from spine.testing.scripted_models import ScriptedModels
from tasks.book_review.configuration import pipeline_document
from tasks.book_review.template import TEMPLATE
from tasks.job_run import TimeLimits
from tests.conftest import until
from tests.flows.conftest import CIRCLE, REVIEW, SHOP, World

MakeWorld = Callable[..., Any]
PURPOSES = {
    "bibliography": "book_review_link_bibliography_extract",
    "summary": "book_review_link_summary",
    "research": "book_review_web_research",
    "context": "context",
    "article": "article",
}
SENTENCE = "The keeper of the clock pays for every hour that the town has borrowed from the sea. "


def article(words: int = 700) -> DraftArticle:
    body = SENTENCE * (words // len(SENTENCE.split()))
    half = len(body) // 2
    return DraftArticle(
        title="On The Tide Clock", content=f"## The story\n\n{body[:half]}\n\n## The book\n\n{body[half:]}"
    )


def good_model(request: ModelRequest[Any], choice: ModelChoice) -> Any:
    """Answers every purpose as a model that behaves."""
    answers: dict[str, Any] = {
        PURPOSES["bibliography"]: {"title": "The Tide Clock", "publisher": "Harbour & Finch"},
        PURPOSES["summary"]: LinkSummary(summary="About a clock.", topics=["memory"], key_points=["It buys time."]),
        PURPOSES["research"]: ResearchInsight(themes=["memory"], target_audience="adults", summary="A quiet book."),
        PURPOSES["context"]: ContextBrief(context="Write about Nell and the clock."),
        PURPOSES["article"]: article(),
    }
    return answers[request.purpose]


def asked(world: World) -> Counter[str]:
    """Model calls by short name of their purpose."""
    names = {purpose: name for name, purpose in PURPOSES.items()}
    return Counter(names[purpose] for purpose in world.models.purposes)


async def test_without_any_model_a_link_becomes_a_grounded_article_of_the_asked_length(make_world: MakeWorld) -> None:
    world: World = await make_world()
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS, job.error
    assert submission.status is SubmissionStatus.READY_FOR_REVIEW and not submission.errors
    written = await world.desk.article(submission.submission_id)
    assert 600 <= written.word_count <= 1200
    assert not [claim for claim in written.claims if not claim.supported]
    assert "without a language model" in written.content
    assert written.author == "extractive/extractive"


async def test_every_stage_leaves_its_record_in_the_collections(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, _ = await world.review()
    documents, mine = world.services.documents, {"submission_id": submission.submission_id}
    book = await documents.get(BOOKS, submission.submission_id)
    assert book is not None and book["metadata"]["isbn_13"] == "9781940021317"
    assert book["extracted"]["web_research"]["insight"]["themes"] == ["memory"]
    assert book["provenance"]["title"]["source"] == "amazon"
    assert await documents.count(LINK_BIBLIOGRAPHIC_CANDIDATES, mine) == 2
    assert await documents.count(SUMMARIES, mine) == 2
    knowledge = await documents.get(KNOWLEDGE_BASE, submission.submission_id)
    assert knowledge is not None and knowledge["topic_index"]
    assert {name: stage.status for name, stage in submission.stages.items()} == dict.fromkeys(STAGES[:-1], "completed")


async def test_progress_climbs_from_0_to_100_without_falling_and_without_a_gap(make_world: MakeWorld) -> None:
    world: World = await make_world()
    _, job = await world.review()
    events = await world.services.progress.read(job.job_id)
    percents = [event.progress for event in events]
    assert percents == sorted(percents) and (percents[0], percents[-1]) == (0.0, 100.0)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].status == "SUCCESS"
    assert next(event.current_step for event in events if event.type == "progress") == "amazon_scrape"


async def test_each_stage_asks_its_model_exactly_as_often_as_it_has_to(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    await world.review()
    assert asked(world) == {"bibliography": 2, "summary": 2, "research": 1, "context": 1, "article": 1}


async def test_the_record_says_who_answered_and_why_another_than_configured(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model, providers=("groq",)))
    submission, job = await world.review()
    written = submission.stages["article_generation"]
    assert (written.provider, written.fallback_reason) == ("groq", "openai has no key, groq answered")
    assert written.prompt_version == 1 and written.usage.calls == 1
    assert job.usage.calls == 7


async def test_a_retry_after_success_asks_no_model_and_writes_no_second_revision(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, first = await world.review()
    before = asked(world)
    _, second = await world.reviews.retry(submission.submission_id)
    second = await world.run(second)
    assert second.status is JobStatus.SUCCESS and second.job_id != first.job_id
    assert asked(world) == before
    assert (await world.desk.article(submission.submission_id)).revision == 1
    assert second.usage.calls == 0


@pytest.mark.parametrize(
    ("stage", "calls"),
    [
        pytest.param("amazon_scrape", {"bibliography": 2, "summary": 2, "research": 1, "context": 1, "article": 1}),
        pytest.param(
            "additional_links_scrape", {"bibliography": 2, "summary": 2, "research": 1, "context": 1, "article": 1}
        ),
        pytest.param("summarize_additional_links", {"summary": 2, "research": 1, "context": 1, "article": 1}),
        pytest.param("consolidate_book_data", {"research": 1, "context": 1, "article": 1}),
        pytest.param("internet_research", {"research": 1, "context": 1, "article": 1}),
        pytest.param("context_generation", {"context": 1, "article": 1}),
        pytest.param("article_generation", {"article": 1}),
        pytest.param("publishing", {}),
    ],
)
async def test_a_rerun_from_a_stage_repeats_that_stage_and_those_after_it_and_nothing_else(
    make_world: MakeWorld, stage: str, calls: dict[str, int]
) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, _ = await world.review()
    before = asked(world)
    _, job = await world.reviews.retry_step(submission.submission_id, stage, {})
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert asked(world) - before == calls


async def test_a_rerun_can_change_the_model_the_prompt_and_the_word_bounds(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model, providers=("groq", "openai")))
    submission, _ = await world.review()
    edits = {
        "provider": "openai",
        "model_id": "gpt-x",
        "temperature": 0.1,
        "prompt": "Praise {title}.",
        "min_words": 100,
    }
    _, job = await world.reviews.retry_step(submission.submission_id, "article_generation", edits)
    await world.run(job)
    request, choice = world.models.calls[-1]
    assert (choice.provider, choice.model_id, choice.temperature) == ("openai", "gpt-x", 0.1)
    assert request.prompt == "Praise “The Tide Clock: A Novel”."


async def test_a_rerun_can_change_the_document_that_a_stage_is_given(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, _ = await world.review()
    edits = {"input": {"metadata": {"publisher": "Corrected Press"}}}
    _, job = await world.reviews.retry_step(submission.submission_id, "consolidate_book_data", edits)
    await world.run(job)
    book = await world.services.documents.get(BOOKS, submission.submission_id)
    assert book is not None and book["metadata"]["publisher"] == "Corrected Press"


async def test_a_link_that_cannot_be_read_is_noted_and_the_review_goes_on(make_world: MakeWorld) -> None:
    world: World = await make_world(site={REVIEW: CaptchaError("the site shows a captcha")})
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS
    assert "1 of 2 links gave nothing" in submission.stages["additional_links_scrape"].note


@pytest.mark.parametrize(
    ("page", "error_class", "says"),
    [
        pytest.param(CaptchaError("a captcha"), "CaptchaError", "captcha", id="a captcha"),
        pytest.param("<html><h1>Garden hose</h1><p>12 m</p></html>", "NotABookError", "book", id="not a book"),
        pytest.param(b"", "NotABookError", "book", id="an empty page"),
    ],
)
async def test_a_product_page_that_gives_no_book_fails_the_review_with_its_reason(
    make_world: MakeWorld, page: Any, error_class: str, says: str
) -> None:
    world: World = await make_world(site={SHOP: page})
    submission, job = await world.review()
    assert job.status is JobStatus.FAILURE and submission.status is SubmissionStatus.FAILED
    (error,) = submission.errors
    assert (error.step, error.error_class, error.attempt) == ("amazon_scrape", error_class, 1)
    assert says in error.message
    assert job.error is not None and (job.error.error_class, job.error.step) == (error_class, "amazon_scrape")


async def test_a_passing_fault_of_the_shop_is_tried_again_and_leaves_no_trace_on_the_article(
    make_world: MakeWorld, demo_world: dict[str, bytes]
) -> None:
    answers: list[Any] = [RateLimitError("slow down", retry_after=0.01), ExternalServiceError("away", service="shop")]

    def shop(url: str) -> Any:
        return answers.pop(0) if answers else demo_world[SHOP]

    world: World = await make_world(site={SHOP: shop})
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS and not submission.errors and not answers


async def test_an_article_that_stays_too_short_is_asked_for_twice_more_then_taken_and_flagged(
    make_world: MakeWorld,
) -> None:
    def terse(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        return article(100) if request.purpose == "article" else good_model(request, choice)

    world: World = await make_world(ScriptedModels(terse))
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS
    assert asked(world)["article"] == 3
    assert [flag for flag in (await world.desk.article(submission.submission_id)).flags if flag.startswith("length")]


async def test_claims_that_no_source_supports_are_listed_for_the_reviewer(make_world: MakeWorld) -> None:
    def boastful(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        if request.purpose != "article":
            return good_model(request, choice)
        good = article()
        return good.model_copy(update={"content": good.content + "\n\nIt sold 48,213 copies in Ruritania."})

    world: World = await make_world(ScriptedModels(boastful))
    submission, _ = await world.review()
    doubtful = [c.text for c in (await world.desk.article(submission.submission_id)).claims if not c.supported]
    assert "48,213" in " ".join(doubtful) and "Ruritania" in " ".join(doubtful)


def _talks_nonsense(request: ModelRequest[Any], choice: ModelChoice) -> Any:
    return {"colour": "blue"} if request.purpose == "article" else good_model(request, choice)


async def test_a_model_that_talks_nonsense_is_asked_again_and_then_passed_over(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(_talks_nonsense))
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS
    stage = submission.stages["article_generation"]
    assert stage.provider == "extractive" and asked(world)["article"] == 3
    assert [attempt["outcome"] for attempt in stage.attempts] == ["failed", "ok"]


async def test_without_a_fallback_nonsense_fails_the_stage_and_a_retry_repeats_only_that_stage(
    make_world: MakeWorld,
) -> None:
    models = ScriptedModels(_talks_nonsense)
    world: World = await make_world(models)
    await _store(world, TEMPLATE.model_copy(update={"allow_extractive": False}))
    submission, job = await world.review()
    assert submission.status is SubmissionStatus.FAILED
    assert submission.errors[0].step == "article_generation"
    assert submission.errors[0].error_class == "InvalidModelOutputError"
    assert len(submission.stages["article_generation"].attempts) == 1

    models._script = good_model
    before = asked(world)
    _, job = await world.reviews.retry(submission.submission_id)
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert asked(world) - before == {"article": 1}


async def test_an_optional_step_can_be_switched_off(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    off = {"additional_links_scrape", "internet_research"}
    steps = [step.model_copy(update={"enabled": step.id not in off}) for step in TEMPLATE.steps]
    await _store(world, TEMPLATE.model_copy(update={"steps": steps}))
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS
    assert {name for name, stage in submission.stages.items() if stage.status == "skipped"} == off
    assert asked(world) == {"context": 1, "article": 1}


async def test_the_delay_of_a_step_is_waited_for_once_and_not_when_the_result_is_cached(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    steps = [
        step.model_copy(update={"delay_seconds": 0.4 if step.id == "context_generation" else 0.0})
        for step in TEMPLATE.steps
    ]
    await _store(world, TEMPLATE.model_copy(update={"steps": steps}))
    submission, _ = await world.review()
    assert _seconds(submission.stages["context_generation"]) >= 0.4
    _, job = await world.reviews.retry(submission.submission_id)
    await world.run(job)
    again = await world.desk.get(submission.submission_id)
    assert again.stages["context_generation"].cached and _seconds(again.stages["context_generation"]) < 0.4


async def test_a_cancelled_review_ends_as_revoked_and_keeps_what_was_finished(make_world: MakeWorld) -> None:
    reached = asyncio.Event()

    async def stuck(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        if request.purpose == "context":
            reached.set()
            await asyncio.sleep(60)
        return good_model(request, choice)

    world: World = await make_world(ScriptedModels(stuck))
    submission, job = await world.submit()
    running = asyncio.create_task(world.run(job))
    await asyncio.wait_for(reached.wait(), 30)
    await world.services.ledger.cancel(job.job_id)
    ended = await asyncio.wait_for(running, 10)
    assert ended.status is JobStatus.REVOKED
    stored = await world.desk.get(submission.submission_id)
    assert stored.status is SubmissionStatus.FAILED
    assert stored.errors[-1].error_class == "JobCancelledError"
    assert stored.stages["internet_research"].status == "completed"


async def test_a_review_that_meets_the_unexpected_before_its_first_stage_is_failed_and_says_why(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Any:
        raise KeyError("surprise")

    monkeypatch.setattr("tasks.book_review.review.load_pipeline", broken)
    world: World = await make_world()
    submission, job = await world.review()
    assert job.status is JobStatus.FAILURE
    assert (submission.status, submission.errors[-1].error_class) == (SubmissionStatus.FAILED, "KeyError")


async def test_a_review_that_takes_too_long_is_warned_about_then_ended_and_can_be_resumed(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = False

    async def sluggish(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        await asyncio.sleep(60 if slow else 0)
        return good_model(request, choice)

    world: World = await make_world(ScriptedModels(sluggish))
    submission, _ = await world.review()
    slow = True
    monkeypatch.setattr("tasks.book_review.review.LIMITS", TimeLimits(soft=0.5, hard=5))
    _, job = await world.reviews.retry_step(submission.submission_id, "article_generation", {})
    job = await world.run(job)
    assert job.status is JobStatus.FAILURE
    assert job.error is not None and (job.error.error_class, job.error.retryable) == ("TimeLimitError", True)
    stored = await world.desk.get(submission.submission_id)
    assert stored.status is SubmissionStatus.FAILED and stored.errors[-1].error_class == "TimeLimitError"
    assert "still running" in " ".join(e.message for e in await world.services.progress.read(job.job_id))

    slow, before = False, asked(world)
    monkeypatch.setattr("tasks.book_review.review.LIMITS", TimeLimits(soft=600, hard=600))
    _, job = await world.reviews.retry(submission.submission_id)
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert asked(world) - before == {"article": 1}


async def test_a_process_that_must_stop_gives_its_job_back_without_losing_an_attempt(make_world: MakeWorld) -> None:
    reached = asyncio.Event()

    async def stuck_once(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        if request.purpose == "article" and not reached.is_set():
            reached.set()
            await asyncio.sleep(60)
        return good_model(request, choice)

    world: World = await make_world(ScriptedModels(stuck_once))
    submission, job = await world.submit()
    running = asyncio.create_task(world.run(job))
    await asyncio.wait_for(reached.wait(), 30)
    await world.handler.stop()
    given_back = await running
    assert (given_back.status, given_back.attempts) == (JobStatus.RETRY, 0)

    finished = await world.run(given_back)
    assert finished.status is JobStatus.SUCCESS
    assert asked(world) == {"bibliography": 2, "summary": 2, "research": 1, "context": 1, "article": 2}
    assert (await world.desk.article(submission.submission_id)).revision == 1


async def test_called_from_python_the_flow_makes_its_own_submission_and_job(make_world: MakeWorld) -> None:
    from flows.book_review import book_review

    world: World = await make_world()
    with using(world.services):
        result = await book_review(amazon_url=SHOP, goodreads_url=CIRCLE, other_links=[REVIEW])
    job = await world.services.ledger.get(result.job_id)
    assert job.status is JobStatus.SUCCESS and job.flow_run_id
    assert job.idempotency_key == f"flow-run:{job.flow_run_id}"
    assert (await world.desk.get(result.submission_id)).status is SubmissionStatus.READY_FOR_REVIEW
    assert result.article.word_count >= 600


async def test_a_redelivered_job_is_not_run_twice(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    _, job = await world.submit()
    await asyncio.gather(world.run(job), world.run(job), world.run(job))
    await world.run(job)
    assert asked(world)["article"] == 1
    await until(lambda: not world.handler.running)


def _seconds(stage: Any) -> float:
    return (stage.finished - stage.started).total_seconds()


async def _store(world: World, pipeline: PipelineConfig) -> None:
    await world.services.documents.upsert(PIPELINE_CONFIGS, pipeline_document(pipeline))
