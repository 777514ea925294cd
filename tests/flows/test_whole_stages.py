"""A stage that is finished is read with one lookup; one that lacks a part asks for that part again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from spine.contracts.books import BookMetadata
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import Submission
from spine.contracts.texts import ResearchNote
from spine.documents import SUMMARIES
from spine.errors import CaptchaError
from spine.testing.scripted_models import ScriptedModels
from tests.conftest import until
from tests.flows.conftest import REVIEW, SHOP, World
from tests.flows.test_book_review import MakeWorld, asked, good_model

AFTER_LINKS = {"bibliography": 1, "summary": 1, "research": 1, "context": 1, "article": 1}


async def retried(world: World, submission: Submission) -> Submission:
    _, job = await world.reviews.retry(submission.submission_id)
    assert (job := await world.run(job)).status is JobStatus.SUCCESS, job.error
    return await world.desk.get(submission.submission_id)


async def task_names(job: Job) -> set[str]:
    assert job.flow_run_id is not None
    async with get_client() as client:
        runs = await client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(job.flow_run_id)]))
        )
    return {run.name for run in runs}


async def test_a_rerun_from_the_article_calls_one_task_for_each_stage_before_it(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, _ = await world.review()
    _, job = await world.reviews.retry_step(submission.submission_id, "article_generation", {})
    job = await world.run(job)
    expected = {
        f"read {SHOP}",
        "additional_links_scrape: finished before",
        "summarize_additional_links: finished before",
        "merge 3 sources",
        "internet_research: finished before",
        "context_generation: finished before",
        "article on The Tide Clock: A Novel",
    }

    async def shown() -> bool:
        return await task_names(job) == expected

    await until(shown, within=60)


async def test_a_stage_that_is_taken_over_says_who_answered_and_costs_nothing(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    before, _ = await world.review()
    after = await retried(world, before)
    for stage in ("additional_links_scrape", "summarize_additional_links", "internet_research", "context_generation"):
        was, now = before.stages[stage], after.stages[stage]
        assert (now.provider, now.model, now.fallback_reason) == (was.provider, was.model, was.fallback_reason)
        assert len(now.attempts) == len(was.attempts) and (was.cached, now.cached) == (False, True)
        assert (now.usage.calls, now.status) == (0, "completed")


async def test_rows_that_were_lost_are_written_again_from_the_stage_that_is_taken_over(make_world: MakeWorld) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    submission, _ = await world.review()
    mine = {"submission_id": submission.submission_id}
    await world.services.documents.delete(SUMMARIES, mine)
    await retried(world, submission)
    assert await world.services.documents.count(SUMMARIES, mine) == 2


async def test_a_link_that_failed_is_asked_again_by_each_retry_until_it_is_read(
    make_world: MakeWorld, demo_world: dict[str, bytes]
) -> None:
    visits: list[Any] = [CaptchaError("a captcha")] * 2

    def page(url: str) -> Any:
        return visits.pop() if visits else demo_world[REVIEW]

    world: World = await make_world(ScriptedModels(good_model), site={REVIEW: page})
    submission, _ = await world.review()
    assert "1 of 2 links gave nothing" in submission.stages["additional_links_scrape"].note
    visits.clear()
    before = asked(world)
    submission = await retried(world, submission)
    assert submission.stages["additional_links_scrape"].note == "" and asked(world) - before == AFTER_LINKS
    before = asked(world)
    await retried(world, submission)
    assert asked(world) == before


@dataclass
class Library:
    """A research source that is away as often as it is told to."""

    away: int
    name: str = "library"
    asked: int = 0

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        self.asked += 1
        if self.asked <= self.away:
            return [ResearchNote(source="library", error="no answer", unreachable=True)]
        return [ResearchNote(source="library", text="A quiet book.")]


async def test_a_source_that_was_away_is_asked_again_by_a_retry_and_not_once_it_has_answered(
    make_world: MakeWorld,
) -> None:
    world: World = await make_world(ScriptedModels(good_model))
    library = Library(away=2)  # a task asks twice
    world.services.research = [library]
    submission, _ = await world.review()
    assert library.asked == 2 and "1 of 1 sources gave nothing" in submission.stages["internet_research"].note
    submission = await retried(world, submission)
    assert library.asked == 3 and submission.stages["internet_research"].note == ""
    await retried(world, submission)
    assert library.asked == 3
