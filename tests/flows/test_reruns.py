"""A rerun from any stage with edits: what each override changes, what comes from the cache, what is asked again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from spine.contracts.books import BookMetadata
from spine.contracts.jobs import JobStatus
from spine.contracts.pipelines import Prompt
from spine.contracts.submissions import Submission
from spine.contracts.texts import ResearchNote
from spine.documents import BOOKS, SUBMISSIONS
from spine.errors import InvalidInputError
from spine.ports import FetchedPage, ModelChoice, ModelRequest
from spine.prompts import PromptShelf
from spine.stage_overrides import STAGE_RULES
from spine.testing.memory_pages import MemoryPages
from spine.testing.scripted_models import ScriptedModels
from tasks.book_review.configuration import seed
from tests.flows.conftest import REVIEW, World
from tests.flows.test_book_review import PURPOSES, MakeWorld, asked, good_model

ALL = {"bibliography": 2, "summary": 2, "research": 1, "context": 1, "article": 1}
MODEL_STAGES = {stage: rule.purpose for stage, rule in STAGE_RULES.items() if rule.purpose}


@dataclass
class Library:
    """A research source that counts how often it is asked."""

    name: str = "library"
    asked: int = 0
    notes: list[ResearchNote] = field(default_factory=lambda: [ResearchNote(source="library", text="A quiet book.")])

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        self.asked += 1
        return self.notes


@pytest.fixture
async def reviewed(make_world: MakeWorld) -> tuple[World, Submission]:
    """A world with one finished review in it."""
    world: World = await make_world(ScriptedModels(good_model, providers=("groq", "openai", "mistral")))
    world.services.research = [Library()]
    await seed(world.services.documents)
    submission, job = await world.review()
    assert job.status is JobStatus.SUCCESS, job.error
    return world, submission


async def rerun(world: World, submission: Submission, stage: str, overrides: dict[str, Any]) -> Counter[str]:
    """Run again from the stage on; the model calls that it took."""
    before = asked(world)
    _, job = await world.reviews.retry_step(submission.submission_id, stage, overrides)
    job = await world.run(job)
    assert job.status is JobStatus.SUCCESS, job.error
    return asked(world) - before


def last_prompt(world: World, purpose: str) -> str:
    return next(request.prompt for request, _ in reversed(world.models.calls) if request.purpose == PURPOSES[purpose])


async def book_of(world: World, submission: Submission) -> dict[str, Any]:
    book = await world.services.documents.get(BOOKS, submission.submission_id)
    assert book is not None
    return book["metadata"]


# -- the input document --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "document", "calls"),
    [
        pytest.param("amazon_scrape", {"metadata": {"publisher": "Corrected Press"}}, ALL, id="product page"),
        pytest.param(
            "consolidate_book_data",
            {"publisher": "Corrected Press"},
            {"research": 1, "context": 1, "article": 1},
            id="merged facts, given without their envelope",
        ),
        pytest.param(
            "internet_research",
            {"metadata": {"publisher": "Corrected Press"}},
            {"research": 1, "context": 1, "article": 1},
            id="research",
        ),
        pytest.param(
            "context_generation",
            {"metadata": {"publisher": "Corrected Press"}},
            {"context": 1, "article": 1},
            id="context",
        ),
        pytest.param(
            "article_generation", {"metadata": {"publisher": "Corrected Press"}}, {"article": 1}, id="article"
        ),
    ],
)
async def test_a_corrected_fact_of_the_book_counts_from_its_stage_on(
    reviewed: tuple[World, Submission], stage: str, document: dict[str, Any], calls: dict[str, int]
) -> None:
    world, submission = reviewed
    assert await rerun(world, submission, stage, {"input": document}) == calls
    assert "Corrected Press" in last_prompt(world, "article")
    assert (await book_of(world, submission))["publisher"] == "Corrected Press"


async def test_other_links_take_the_place_of_those_given(reviewed: tuple[World, Submission]) -> None:
    world, submission = reviewed
    calls = await rerun(world, submission, "additional_links_scrape", {"input": {"links": [REVIEW]}})
    assert calls == {**ALL, "bibliography": 1, "summary": 1}
    assert (await world.desk.article(submission.submission_id)).sources[1:] == [REVIEW]


async def test_edited_research_notes_are_read_and_no_source_is_asked(reviewed: tuple[World, Submission]) -> None:
    world, submission = reviewed
    (library,) = world.services.research
    assert isinstance(library, Library) and library.asked == 1
    notes = [{"source": "editor", "text": "It won the Harbour Prize."}]
    assert await rerun(world, submission, "internet_research", {"input": {"notes": notes}}) == {
        "research": 1,
        "context": 1,
        "article": 1,
    }
    assert "Harbour Prize" in last_prompt(world, "research") and library.asked == 1


@pytest.mark.parametrize("stage", ["context_generation", "article_generation"])
async def test_a_brief_that_is_given_is_used_and_nobody_is_asked_for_one(
    reviewed: tuple[World, Submission], stage: str
) -> None:
    world, submission = reviewed
    assert await rerun(world, submission, stage, {"input": {"context": "Write about the sea."}}) == {"article": 1}
    assert "Write about the sea." in last_prompt(world, "article")


async def test_the_word_bounds_of_a_rerun_are_those_that_the_writer_is_told(
    reviewed: tuple[World, Submission],
) -> None:
    world, submission = reviewed
    edits = {"min_words": 650, "max_words": 750}
    assert await rerun(world, submission, "article_generation", edits) == {"article": 1}
    assert "Between 650 and 750 words" in last_prompt(world, "article")


# -- the model and its prompt --------------------------------------------------------------------------------------


async def test_model_settings_reach_every_call_of_their_stage_and_no_other(
    reviewed: tuple[World, Submission],
) -> None:
    world, submission = reviewed
    for number, (stage, purpose) in enumerate(MODEL_STAGES.items()):
        settings = {"provider": "mistral", "model": f"m-{number}", "temperature": 0.11, "max_tokens": 777}
        before = len(world.models.calls)
        await rerun(world, submission, stage, {**settings, "timeout_seconds": 9})
        asked_with = [(request.purpose, choice) for request, choice in world.models.calls[before:]]
        mine = [choice for asked_for, choice in asked_with if asked_for == purpose]
        assert mine and {
            (one.provider, one.model_id, one.temperature, one.max_tokens, one.timeout_seconds) for one in mine
        } == {("mistral", f"m-{number}", 0.11, 777, 9.0)}
        assert f"m-{number}" not in [choice.model_id for asked_for, choice in asked_with if asked_for != purpose]
        record = (await world.desk.get(submission.submission_id)).stages[stage]
        assert (record.provider, record.model) == ("mistral", f"m-{number}")


async def test_a_prompt_of_ones_own_is_asked_and_the_record_names_no_version(
    reviewed: tuple[World, Submission],
) -> None:
    world, submission = reviewed
    for stage, purpose in MODEL_STAGES.items():
        await rerun(world, submission, stage, {"prompt": f"Mine for {{title}} in {stage}"})
        texts = [request.prompt for request, _ in world.models.calls if request.purpose == purpose]
        assert texts[-1] == f"Mine for “The Tide Clock: A Novel” in {stage}"
        assert (await world.desk.get(submission.submission_id)).stages[stage].prompt_version is None


async def test_an_older_version_of_a_prompt_can_be_asked_for(reviewed: tuple[World, Submission]) -> None:
    world, submission = reviewed
    shelf = PromptShelf(world.services.documents)
    await shelf.add(Prompt(prompt_id="x", purpose="article", template="Second {title}"))
    assert await rerun(world, submission, "article_generation", {}) == {"article": 1}
    assert last_prompt(world, "article").startswith("Second")
    await rerun(world, submission, "article_generation", {"prompt_version": 1})
    assert last_prompt(world, "article").startswith("Write an article")
    assert (await world.desk.get(submission.submission_id)).stages["article_generation"].prompt_version == 1


# -- revisions and lasting edits -----------------------------------------------------------------------------------


async def test_every_rerun_of_the_article_is_a_new_revision_and_the_older_ones_stay(
    reviewed: tuple[World, Submission],
) -> None:
    world, submission = reviewed

    def other(request: ModelRequest[Any], choice: ModelChoice) -> Any:
        answer = good_model(request, choice)
        return answer.model_copy(update={"title": "Another title"}) if request.purpose == "article" else answer

    world.models._script = other
    await rerun(world, submission, "article_generation", {"temperature": 0.9})
    assert (await world.desk.article(submission.submission_id)).title == "Another title"
    first = await world.desk.article(submission.submission_id, 1)
    assert (first.revision, first.title) == (1, "On The Tide Clock")


async def test_edits_last_until_they_are_replaced_or_taken_back(reviewed: tuple[World, Submission]) -> None:
    world, submission = reviewed
    fact = {"input": {"metadata": {"publisher": "Corrected Press"}}}
    await rerun(world, submission, "consolidate_book_data", fact)
    await rerun(world, submission, "consolidate_book_data", {"input": {"metadata": {"pages": 99}}})
    corrected = await book_of(world, submission)
    assert (corrected["publisher"], corrected["pages"]) == ("Corrected Press", 99)
    await rerun(world, submission, "consolidate_book_data", {"input": None})
    assert (await book_of(world, submission))["publisher"] != "Corrected Press"


async def test_an_edit_that_is_refused_changes_nothing(reviewed: tuple[World, Submission]) -> None:
    world, submission = reviewed
    before = await world.services.documents.get(SUBMISSIONS, submission.submission_id)
    for overrides in ({"temperature": 3}, {"prompt_version": 7}, {"min_words": 5000}, {"prompt": "{titel}"}):
        with pytest.raises(InvalidInputError, match=f"overrides.{next(iter(overrides))}"):
            await world.reviews.retry_step(submission.submission_id, "article_generation", overrides)
    assert await world.services.documents.get(SUBMISSIONS, submission.submission_id) == before


@pytest.mark.parametrize("verdict", ["approved", "rejected"])
async def test_a_rerun_that_fails_leaves_the_article_that_waits_to_be_decided_on(
    reviewed: tuple[World, Submission], verdict: str
) -> None:
    world, submission = reviewed
    _, job = await world.reviews.retry_step(submission.submission_id, "amazon_scrape", {})
    world.services.pages = MemoryPages({})
    await world.run(job)
    assert (await world.desk.get(submission.submission_id)).status == "failed"
    desk, id = world.desk, submission.submission_id
    decided = await (desk.approve(id) if verdict == "approved" else desk.reject(id, "Say more."))
    assert decided.status == verdict


@pytest.mark.parametrize(
    ("content", "declared", "kind"),
    [
        (b"%PDF-1.4 whatever", "text/html", "a file"),
        (b"\x89PNG\r\n", "", "a file"),
        (b"{}", "application/json; charset=utf-8", "application/json"),
        (b"<svg></svg>", "image/svg+xml", "image/svg"),
    ],
)
async def test_a_link_that_is_no_page_is_left_out_and_the_review_says_why(
    make_world: MakeWorld, content: bytes, declared: str, kind: str
) -> None:
    page = FetchedPage(REVIEW, REVIEW, 200, content, declared)
    world = await make_world(site={REVIEW: page})
    submission, job = await world.review(other_links=[REVIEW])
    assert job.status is JobStatus.SUCCESS, job.error
    assert f"is {kind}" in submission.stages["additional_links_scrape"].note
