"""From an approved article to its one post on the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.publishing_watch import publish_waiting
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import SubmissionStatus
from spine.contracts.texts import ExaminedText
from spine.errors import ConflictError
from spine.publishing_port import PostChanges, SitePost
from spine.testing.memory_site import MemorySite
from tests.flows.conftest import World

MakeWorld = Callable[..., Any]


class Starter:
    """Keeps the jobs that it is given."""

    def __init__(self) -> None:
        self.started: list[Job] = []

    async def start(self, job: Job) -> None:
        self.started.append(job)


@pytest.fixture
def site() -> MemorySite:
    return MemorySite()


async def _reviewed(make_world: MakeWorld, site: MemorySite | None, **fields: Any) -> tuple[World, str]:
    world: World = await make_world()
    world.services.open_site = lambda: site
    submission, job = await world.review(**fields)
    assert job.status is JobStatus.SUCCESS, job.error
    return world, submission.submission_id


async def test_what_a_person_rejected_is_not_published_by_a_retry_of_a_review_that_publishes_unseen(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, None, auto_publish=True)
    await _edited_by_ana(world, submission_id)
    await world.desk.reject(submission_id, "not like this")
    assert await _retried(world, submission_id, site) == ("rejected", "rejected", 2)
    assert site.posts == {}


async def test_an_edit_waits_for_a_person_also_when_a_review_that_publishes_unseen_is_retried(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, None, auto_publish=True)
    await _edited_by_ana(world, submission_id)
    assert await _retried(world, submission_id, site) == ("ready_for_review", "ready_for_review", 2)
    assert site.posts == {}


async def _edited_by_ana(world: World, submission_id: str) -> None:
    examined = ExaminedText(word_count=2)
    await world.desk.edit_article(
        submission_id, content="## A\n\n## B\n", title=None, examined=examined, editor="ana", if_match=None
    )


async def _retried(world: World, submission_id: str, site: MemorySite) -> tuple[str, str, int]:
    """What the submission and its newest revision are after a retry with a site."""
    world.services.open_site = lambda: site
    _, job = await world.reviews.retry(submission_id)
    job = await world.run(job)
    assert job.status is JobStatus.SUCCESS, job.error
    article = await world.desk.article(submission_id)
    return str((await world.desk.get(submission_id)).status), article.status, article.revision


async def _approved(world: World, submission_id: str) -> Job:
    await world.desk.approve(submission_id)
    _, job = await world.desk.publish(submission_id)
    return await world.run(job)


async def test_an_approved_article_becomes_one_post_and_knows_where_it_is(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    job = await _approved(world, submission_id)
    assert job.status is JobStatus.SUCCESS, job.error
    ((post_id, stored),) = site.posts.items()
    article = await world.desk.article(submission_id)
    assert (article.post_id, article.post_url, article.status) == (post_id, stored.post.url, "published")
    submission = await world.desk.get(submission_id)
    assert submission.status is SubmissionStatus.PUBLISHED
    assert submission.stages["publishing"].status == "completed"


async def test_nothing_is_published_before_somebody_approves(make_world: MakeWorld, site: MemorySite) -> None:
    world, submission_id = await _reviewed(make_world, site)
    assert not site.posts
    with pytest.raises(ConflictError, match="approve"):
        await world.desk.publish(submission_id)


async def test_auto_publish_leads_to_the_same_place(make_world: MakeWorld, site: MemorySite) -> None:
    world, submission_id = await _reviewed(make_world, site, auto_publish=True)
    assert len(site.posts) == 1
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.PUBLISHED


async def test_without_a_site_an_article_stays_approved_and_is_published_once_there_is_one(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, None, auto_publish=True)
    submission = await world.desk.get(submission_id)
    assert submission.status is SubmissionStatus.APPROVED
    assert "WordPress Site" in submission.stages["publishing"].note

    starter = Starter()
    assert await publish_waiting(world.services, starter) == []
    world.services.open_site = lambda: site
    assert await publish_waiting(world.services, starter) == [submission_id]
    assert await publish_waiting(world.services, starter) == [], "it is started once"
    assert (await world.run(starter.started[0])).status is JobStatus.SUCCESS
    assert len(site.posts) == 1


async def test_an_edited_article_needs_a_new_approval_and_updates_its_post(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    await _approved(world, submission_id)
    await world.desk.edit_article(
        submission_id,
        content="## New\n\nRewritten by hand.",
        title="Anew",
        examined=ExaminedText(word_count=4),
        editor="ada",
        if_match=1,
    )
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.READY_FOR_REVIEW
    job = await _approved(world, submission_id)
    assert job.status is JobStatus.SUCCESS, job.error
    assert len(site.posts) == 1
    assert (await world.desk.article(submission_id)).post_id == next(iter(site.posts))


async def _edited(world: World, submission_id: str, content: str = "## New\n\nRewritten by hand.") -> None:
    await world.desk.edit_article(
        submission_id, content=content, title="Anew", examined=ExaminedText(word_count=4), editor="ada", if_match=None
    )


async def test_an_edit_between_approval_and_publication_is_not_published(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    await world.desk.approve(submission_id)
    _, waiting = await world.desk.publish(submission_id)
    await _edited(world, submission_id)
    job = await world.run(waiting)
    assert job.status is JobStatus.FAILURE and job.error is not None and "approve" in job.error.message
    assert not site.posts
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.READY_FOR_REVIEW


async def test_an_edit_during_the_publication_waits_for_the_reviewer(make_world: MakeWorld, site: MemorySite) -> None:
    world, submission_id = await _reviewed(make_world, site)
    approved = await world.desk.article(submission_id)
    write = site.change_post

    async def edited_meanwhile(id: int, changes: PostChanges) -> SitePost:
        await _edited(world, submission_id)
        return await write(id, changes)

    site.change_post = edited_meanwhile  # type: ignore[method-assign]
    assert (await _approved(world, submission_id)).status is JobStatus.SUCCESS
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.READY_FOR_REVIEW
    assert (await world.desk.article(submission_id, approved.revision)).status == "published"
    assert (await world.desk.article(submission_id)).status == "ready_for_review"


async def test_an_update_that_was_approved_while_there_was_no_site_goes_out_once_there_is_one(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    await _approved(world, submission_id)
    await _edited(world, submission_id)
    await world.desk.approve(submission_id)
    starter = Starter()
    assert await publish_waiting(world.services, starter) == [submission_id]
    assert (await world.run(starter.started[0])).status is JobStatus.SUCCESS
    assert [stored.changes and stored.changes.title for stored in site.posts.values()] == ["Anew"]


async def test_a_publication_that_was_cancelled_can_be_approved_again(make_world: MakeWorld, site: MemorySite) -> None:
    world, submission_id = await _reviewed(make_world, site)
    await world.desk.approve(submission_id)
    _, cancelled = await world.desk.publish(submission_id)
    await world.services.ledger.cancel(cancelled.job_id)
    assert await publish_waiting(world.services, Starter()) == [], "somebody did not want it now"
    assert (await _approved(world, submission_id)).status is JobStatus.SUCCESS
    assert len(site.posts) == 1


async def test_what_is_published_can_be_approved_again_after_a_rerun_could_not_publish_it_once_more(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    first = await _approved(world, submission_id)
    for _ in range(2):
        site.accepts_login = False
        _, rerun = await world.reviews.retry_step(submission_id, "publishing", {})
        assert (await world.run(rerun)).status is JobStatus.FAILURE
        site.accepts_login = True
        again = await _approved(world, submission_id)
        assert (again.status, again.job_id != first.job_id) == (JobStatus.SUCCESS, True)
        assert (await world.desk.get(submission_id)).status is SubmissionStatus.PUBLISHED
        assert (await world.desk.article(submission_id)).status == "published"
    assert len(site.posts) == 1


async def test_an_edit_after_a_failed_publication_goes_before_the_reviewer(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    site.accepts_login = False
    assert (await _approved(world, submission_id)).status is JobStatus.FAILURE
    site.accepts_login = True
    await _edited(world, submission_id)
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.READY_FOR_REVIEW
    assert (await _approved(world, submission_id)).status is JobStatus.SUCCESS


async def test_the_saved_site_is_looked_up_anew_for_every_publication(make_world: MakeWorld, site: MemorySite) -> None:
    world, submission_id = await _reviewed(make_world, None)

    async def refresh() -> None:
        world.services.open_site = lambda: site

    world.services.refresh_credentials = refresh
    assert (await _approved(world, submission_id)).status is JobStatus.SUCCESS


async def test_rerunning_the_publishing_stage_asks_no_model_and_makes_no_second_post(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    await _approved(world, submission_id)
    _, job = await world.reviews.retry_step(submission_id, "publishing", {})
    assert (await world.run(job)).status is JobStatus.SUCCESS
    assert len(site.posts) == 1 and not world.models.calls
    assert (await world.desk.get(submission_id)).status is SubmissionStatus.PUBLISHED


async def test_a_refused_login_fails_the_publication_and_leaves_the_approval(
    make_world: MakeWorld, site: MemorySite
) -> None:
    world, submission_id = await _reviewed(make_world, site)
    site.accepts_login = False
    job = await _approved(world, submission_id)
    assert job.status is JobStatus.FAILURE
    assert job.error is not None and job.error.error_class == "AuthenticationError"
    assert (await world.desk.get(submission_id)).errors[-1].step == "publishing"

    site.accepts_login = True
    assert (await _approved(world, submission_id)).status is JobStatus.SUCCESS
    assert len(site.posts) == 1
