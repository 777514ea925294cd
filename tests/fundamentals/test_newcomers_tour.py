"""A newcomer's tour of Millrace, in the order in which the questions come up. Everything here lives in memory.

Read it from top to bottom; docs/architecture.md says more about each stop.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import BaseModel

from spine.ai_config import chain_note, fallback_chain, resolve_step
from spine.contracts.books import BookMetadata
from spine.contracts.jobs import Job, JobStatus, Usage
from spine.contracts.pipelines import AiSettings, Prompt, StepConfig, StepType
from spine.contracts.submissions import SubmitRequest
from spine.contracts.texts import Passage
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, ensure_indexes
from spine.idempotency import stage_key
from spine.jobs import JobLedger
from spine.ports import ModelRequest
from spine.progress import ProgressReporter
from spine.review_jobs import ReviewJobs
from spine.stored_reviews import stored_submission
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_progress import MemoryProgressLog
from spine.testing.scripted_models import ScriptedModels
from tasks.book_review.claims import check_claims, unsupported

REQUEST = SubmitRequest(amazon_url="https://shop.example/dp/1", goodreads_url="https://circle.example/books/1")


@pytest.fixture
async def documents() -> MemoryDocuments:
    store = MemoryDocuments()
    await ensure_indexes(store)
    return store


@pytest.fixture
def ledger(documents: MemoryDocuments) -> JobLedger:
    return JobLedger(documents)


async def test_who_runs_a_job_whoever_holds_its_lease_and_nobody_else(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    job, _ = await ledger.create("book_review", "sub_1")
    first = await ledger.begin(job.job_id, "lane:1")
    assert first is not None and first.attempts == 1
    assert await ledger.begin(job.job_id, "lane:2") is None  # delivered twice, run once

    await _die(first, documents)
    swept = await ledger.sweep()
    assert [one.job_id for one in swept.restart] == [job.job_id]

    second = await ledger.begin(job.job_id, "lane:2")
    assert second is not None and second.attempts == 2
    assert await ledger.succeed(first, {}, Usage()) is None  # the process that was thought dead has no say any more
    ended = await ledger.succeed(second, {"article_id": "sub_1:1"}, Usage())
    assert ended is not None and ended.status is JobStatus.SUCCESS


async def test_what_happens_when_the_same_request_comes_twice_the_first_answer_comes_again(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    reviews = ReviewJobs(documents, ledger)
    submission, job = await reviews.submit(REQUEST, idempotency_key="order-7")
    again, same_job = await reviews.submit(REQUEST, idempotency_key="order-7")
    assert (again.submission_id, same_job.job_id) == (submission.submission_id, job.job_id)

    another, _ = await reviews.submit(REQUEST)  # without a key every call is a new submission
    assert another.submission_id != submission.submission_id


async def test_how_do_i_see_progress_that_i_missed_by_asking_for_what_came_after_the_last_number(
    ledger: JobLedger,
) -> None:
    log = MemoryProgressLog()
    job, _ = await ledger.create("book_review", "sub_1")
    reporter = ProgressReporter(job, log, ledger)
    await reporter.state(JobStatus.STARTED)
    await reporter.progress(40, "internet_research")
    await reporter.progress(30, "internet_research")  # a percentage never falls within an attempt
    await reporter.state(JobStatus.SUCCESS)

    everything = await log.read(job.job_id)
    assert [(event.seq, event.progress) for event in everything] == [(1, 0), (2, 40), (3, 40), (4, 100)]
    assert [event.seq for event in await log.read(job.job_id, since=2)] == [3, 4]


def test_when_is_a_stage_computed_again_when_anything_that_its_result_rests_on_has_changed() -> None:
    facts = {"title": "The Tide Clock"}
    key = stage_key("sub_1", "article_generation", 0, book=facts, prompt=["article", 1], model=["openai", "gpt-4"])
    assert key.startswith("millrace:stage:v1:sub_1:article_generation:0:")
    assert key == stage_key(
        "sub_1", "article_generation", 0, model=["openai", "gpt-4"], prompt=["article", 1], book=facts
    )
    changed = {
        stage_key("sub_1", "article_generation", 0, book={}, prompt=["article", 1], model=["openai", "gpt-4"]),
        stage_key("sub_1", "article_generation", 0, book=facts, prompt=["article", 2], model=["openai", "gpt-4"]),
        stage_key("sub_1", "article_generation", 0, book=facts, prompt=["article", 1], model=["groq", "llama"]),
        stage_key("sub_1", "article_generation", 1, book=facts, prompt=["article", 1], model=["openai", "gpt-4"]),
    }
    assert len(changed) == 4 and key not in changed


async def test_how_is_part_of_a_review_repeated_a_rerun_puts_a_stage_and_those_after_it_into_a_new_epoch(
    ledger: JobLedger, documents: MemoryDocuments
) -> None:
    reviews = ReviewJobs(documents, ledger)
    submission, job = await reviews.submit(REQUEST)
    await ledger.cancel(job.job_id)  # only a submission whose job has ended can be run again
    await reviews.retry_step(submission.submission_id, "article_generation", {"temperature": 0.2})

    rerun = await stored_submission(documents, submission.submission_id)
    assert rerun.epochs == {"article_generation": 1, "publishing": 1}
    assert rerun.overrides == {"article_generation": {"temperature": 0.2}}
    assert rerun.job_id != job.job_id


def test_which_model_answers_a_step_the_first_level_that_names_it_and_the_origin_is_told() -> None:
    step = StepConfig(id="article_generation", type=StepType.LLM, provider="openai", model_id="gpt-4")
    prompt = Prompt(prompt_id="book-review-article", purpose="article", template="Write.", max_tokens=4000)
    resolved = resolve_step(step, prompt, None, AiSettings(temperature=0.2))

    assert (resolved.model_id.value, resolved.model_id.origin) == ("gpt-4", "step")
    assert (resolved.max_tokens.value, resolved.max_tokens.origin) == (4000, "prompt")
    assert (resolved.temperature.value, resolved.temperature.origin) == (0.2, "override")
    assert (resolved.timeout_seconds.value, resolved.timeout_seconds.origin) == (60.0, "default")


class Headline(BaseModel):
    text: str


async def test_what_if_no_provider_has_a_key_the_extractive_one_answers_and_the_record_says_why() -> None:
    step = StepConfig(id="article_generation", type=StepType.LLM, provider="openai", model_id="gpt-4")
    resolved = resolve_step(step, None, None)
    models = ScriptedModels(providers=())
    chain = fallback_chain(resolved, models.available(), allow_extractive=True)
    request = ModelRequest(
        purpose="headline",
        system="",
        prompt="Name the book.",
        output_type=Headline,
        extractive=lambda: Headline(text="The Tide Clock"),
    )

    reply = await models.answer(request, chain)
    assert (reply.output.text, reply.provider, reply.usage.calls) == ("The Tide Clock", "extractive", 0)
    assert chain_note(resolved, reply.provider, reply.fallback_reason) == "openai has no key, extractive answered"


def test_how_do_i_know_that_an_article_invents_nothing_every_claim_in_it_is_held_against_the_sources() -> None:
    book = BookMetadata(title="The Tide Clock", authors=["Ilse Marrow"], pages=1234, publication_date="2019-05-08")
    passages = [Passage(source="link:1", text="Ilse Marrow keeps bees in Skerrow.")]
    article = "Ilse Marrow lives in Skerrow. The book came out in May 2019 and has 1,234 pages. It sold 48,213 copies."

    claims = check_claims(article, book, passages)
    assert {"Ilse Marrow", "Skerrow", "May 2019", "1,234"} <= {claim.text for claim in claims if claim.supported}
    assert [(claim.text, claim.kind) for claim in unsupported(claims)] == [("48,213", "number")]


async def _die(job: Job, documents: MemoryDocuments) -> None:
    """What a killed process leaves behind: a lease that nobody renews."""
    await documents.update(JOBS, {"_id": job.job_id}, set={"lease_until": iso(utc_now() - timedelta(seconds=1))})
