"""The review desk: which requests are accepted, which job they start, and what each decision needs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spine.contracts.jobs import JobError, Usage
from spine.contracts.submissions import SubmissionStatus, SubmitRequest
from spine.contracts.texts import Article, ExaminedText
from spine.documents import ARTICLES, ensure_indexes
from spine.errors import ConflictError, InvalidInputError
from spine.jobs import JobLedger
from spine.review_jobs import ReviewJobs
from spine.stored_reviews import add_revision
from spine.submissions import STAGES, ReviewDesk, decidable_from
from spine.testing.memory_documents import MemoryDocuments

REQUEST = SubmitRequest(amazon_url="https://shop.example/dp/1")


@pytest.fixture
async def desk() -> ReviewDesk:
    documents = MemoryDocuments()
    await ensure_indexes(documents)
    return ReviewDesk(documents, JobLedger(documents))


def _jobs(desk: ReviewDesk) -> ReviewJobs:
    return ReviewJobs(desk._documents, desk._ledger)


async def _finished(desk: ReviewDesk) -> str:
    submission, job = await _jobs(desk).submit(REQUEST)
    begun = await desk._ledger.begin(job.job_id, "lane:1")
    assert begun is not None
    await desk._ledger.succeed(begun, {}, Usage())
    await desk.note(submission.submission_id, status=str(SubmissionStatus.READY_FOR_REVIEW))
    await add_revision(
        desk._documents,
        Article(article_id="", submission_id=submission.submission_id, title="T", content="# T", word_count=1),
    )
    return submission.submission_id


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param({"amazon_url": "not a url"}, "http://", id="not an address"),
        pytest.param({"amazon_url": "ftp://shop.example/x"}, "http://", id="another scheme"),
        pytest.param({"amazon_url": "https://"}, "http://", id="no host"),
        pytest.param({"other_links": ["javascript:alert(1)"]}, "http://", id="a script among the links"),
        pytest.param({"min_words": 900, "max_words": 800}, "below min_words", id="bounds the wrong way round"),
        pytest.param({"language": "english"}, "two letters, such as en", id="a language that is no code"),
        pytest.param({"language": ""}, "with a region, such as pt-BR", id="no language"),
        pytest.param({"language": "en_US"}, "language code", id="a language with another sign"),
        pytest.param({"nonsense": 1}, "Extra inputs", id="a field that does not exist"),
        pytest.param({"other_links": ["https://a.example"] * 51}, "at most 50", id="too many links"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_with_its_reason(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SubmitRequest.model_validate({"amazon_url": "https://shop.example/dp/1", **fields})


def test_links_are_taken_once_in_the_order_given_and_blank_ones_left_out() -> None:
    request = SubmitRequest(
        amazon_url="https://shop.example/1",
        goodreads_url="https://g.example/1",
        author_site=" ",
        other_links=["https://b.example", "", "https://g.example/1"],
    )
    assert request.links == ["https://g.example/1", "https://b.example"]


async def test_the_same_idempotency_key_gives_the_same_submission_and_job(desk: ReviewDesk) -> None:
    first = await _jobs(desk).submit(REQUEST, idempotency_key="k")
    second = await _jobs(desk).submit(REQUEST, idempotency_key="k")
    assert [one.submission_id for one, _ in (first, second)] == [first[0].submission_id] * 2
    assert first[1].job_id == second[1].job_id


async def test_without_a_key_every_request_is_a_new_submission(desk: ReviewDesk) -> None:
    first, _ = await _jobs(desk).submit(REQUEST)
    second, _ = await _jobs(desk).submit(REQUEST)
    assert first.submission_id != second.submission_id


async def test_a_retry_is_a_new_job_that_reuses_every_cached_stage(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    before = await desk.get(submission_id)
    after, job = await _jobs(desk).retry(submission_id)
    assert job.job_id != before.job_id and after.epochs == before.epochs


async def test_a_fresh_retry_puts_every_stage_into_a_new_epoch(desk: ReviewDesk) -> None:
    after, _ = await _jobs(desk).retry(await _finished(desk), fresh=True)
    assert (await desk.get(after.submission_id)).epochs == dict.fromkeys(STAGES, 1)


async def test_a_step_retry_renews_that_stage_and_those_after_it_and_keeps_its_edits(desk: ReviewDesk) -> None:
    after, _ = await _jobs(desk).retry_step(await _finished(desk), "context_generation", {"temperature": 0.1})
    stored = await desk.get(after.submission_id)
    assert stored.epochs == {"context_generation": 1, "article_generation": 1, "publishing": 1}
    assert stored.overrides == {"context_generation": {"temperature": 0.1}}


async def test_nothing_is_retried_while_a_job_of_the_submission_is_under_way(desk: ReviewDesk) -> None:
    submission, _ = await _jobs(desk).submit(REQUEST)
    with pytest.raises(ConflictError, match="PENDING"):
        await _jobs(desk).retry(submission.submission_id)


@pytest.mark.parametrize(
    ("stage", "overrides", "complaint"),
    [
        pytest.param("no_such_stage", {}, "the stages are", id="an unknown stage"),
        pytest.param("article_generation", {"colour": "red"}, "Cannot override colour", id="an unknown field"),
        pytest.param("article_generation", {"input": "text"}, "`input` is an object", id="an input of a wrong shape"),
    ],
)
async def test_a_step_retry_names_what_it_does_not_understand(
    desk: ReviewDesk, stage: str, overrides: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        await _jobs(desk).retry_step(await _finished(desk), stage, overrides)


@pytest.mark.parametrize(
    ("article", "verdicts"),
    [
        pytest.param("ready_for_review", {"approved", "rejected"}, id="undecided"),
        pytest.param("approved", {"approved"}, id="approved, and the site was away"),
        pytest.param("published", {"approved"}, id="published, and putting it out again failed"),
        pytest.param("rejected", {"rejected"}, id="rejected"),
    ],
)
def test_after_a_failed_run_the_decision_that_stands_can_be_taken_again(article: str, verdicts: set[str]) -> None:
    written = Article(article_id="a", submission_id="s", title="T", content="# T", word_count=1, status=article)
    taken = {
        str(verdict)
        for verdict in (SubmissionStatus.APPROVED, SubmissionStatus.REJECTED)
        if SubmissionStatus.FAILED in decidable_from(written, verdict)
    }
    assert taken == verdicts


async def test_an_edit_is_a_new_revision_and_older_ones_stay_readable(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    edited = await desk.edit_article(
        submission_id, content="# New", title=None, examined=ExaminedText(word_count=1), editor="ada", if_match=1
    )
    assert (edited.revision, edited.author) == (2, "ada")
    assert (await desk.article(submission_id, 1)).content == "# T"
    assert (await desk.article(submission_id)).content == "# New"


async def test_an_edit_of_a_revision_that_is_no_longer_the_newest_is_refused(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    await desk.edit_article(
        submission_id, content="# 2", title=None, examined=ExaminedText(word_count=1), editor="a", if_match=1
    )
    with pytest.raises(ConflictError, match="revision 2"):
        await desk.edit_article(
            submission_id, content="# 3", title=None, examined=ExaminedText(word_count=1), editor="b", if_match=1
        )


async def test_a_decision_needs_an_article_that_is_ready(desk: ReviewDesk) -> None:
    submission, _ = await _jobs(desk).submit(REQUEST)
    with pytest.raises(ConflictError, match="no article"):
        await desk.approve(submission.submission_id)


async def test_approving_twice_is_approving_once(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    await desk.approve(submission_id)
    assert (await desk.approve(submission_id)).status is SubmissionStatus.APPROVED


async def test_a_decision_on_a_revision_that_was_edited_in_the_same_moment_does_not_count(
    desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_id = await _finished(desk)
    update = desk._documents.update

    async def edited_just_before(collection: str, where: Any, **changes: Any) -> Any:
        monkeypatch.undo()
        await desk.edit_article(
            submission_id, content="# 2", title=None, examined=ExaminedText(word_count=1), editor="ada", if_match=None
        )
        return await update(collection, where, **changes)

    monkeypatch.setattr(desk._documents, "update", edited_just_before)
    with pytest.raises(ConflictError, match="Revision 2"):
        await desk.approve(submission_id)
    assert (await desk.get(submission_id)).status is SubmissionStatus.READY_FOR_REVIEW


async def test_a_rerun_that_came_too_late_changes_nothing(desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    submission_id = await _finished(desk)
    create = desk._ledger.create

    async def overtaken(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        await _jobs(desk).retry_step(submission_id, "article_generation", {"temperature": 0.1})
        return await create(*given, **more)

    monkeypatch.setattr(desk._ledger, "create", overtaken)
    with pytest.raises(ConflictError, match="same moment"):
        await _jobs(desk).retry_step(submission_id, "context_generation", {"temperature": 0.9})
    stored = await desk.get(submission_id)
    assert stored.overrides == {"article_generation": {"temperature": 0.1}}
    assert stored.epochs == {"article_generation": 1, "publishing": 1}


async def test_a_rejection_needs_a_reason_and_keeps_it(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    with pytest.raises(InvalidInputError, match="reason"):
        await desk.reject(submission_id, "  ")
    rejected = await desk.reject(submission_id, "too long")
    assert (rejected.status, rejected.notes) == (SubmissionStatus.REJECTED, ["rejected: too long"])


async def test_the_same_rejection_again_changes_nothing_and_another_one_is_refused(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    rejected = await desk.reject(submission_id, "too long")
    assert await desk.reject(submission_id, " too long ") == rejected
    with pytest.raises(ConflictError, match="is rejected; only one that is ready_for_review"):
        await desk.reject(submission_id, "too short")
    assert await desk.get(submission_id) == rejected


async def test_a_rejection_whose_answer_was_lost_midway_is_finished_by_its_repetition(
    desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission_id = await _finished(desk)
    update = desk._documents.update

    async def lost_at_the_article(collection: str, where: Any, **changes: Any) -> Any:
        if collection == ARTICLES:
            raise ConnectionError
        return await update(collection, where, **changes)

    monkeypatch.setattr(desk._documents, "update", lost_at_the_article)
    with pytest.raises(ConnectionError):
        await desk.reject(submission_id, "too long")
    monkeypatch.undo()
    assert (await desk.reject(submission_id, "too long")).notes == ["rejected: too long"]
    assert (await desk.article(submission_id)).status == "rejected"


async def test_a_job_that_ended_outside_of_its_flow_fails_its_submission_once(desk: ReviewDesk) -> None:
    submission, job = await _jobs(desk).submit(REQUEST)
    await desk.job_ended_outside(job, "cancelled while it waited")
    assert await desk.job_ended_outside(job, "again") is None
    stored = await desk.get(submission.submission_id)
    assert stored.status is SubmissionStatus.FAILED and len(stored.errors) == 1


async def test_a_cancel_after_a_failed_attempt_is_a_cancel(desk: ReviewDesk) -> None:
    submission_id = await _finished(desk)
    await desk.approve(submission_id)
    _, job = await desk.publish(submission_id)
    await desk.note(submission_id, status=str(SubmissionStatus.PUBLISHING))
    begun = await desk._ledger.begin(job.job_id, "lane:1")
    assert begun is not None
    away = JobError(error_class="ExternalServiceError", message="away", error_code="external_service", retryable=True)
    await desk._ledger.retry_later(begun, away, 60)
    ended = await desk.job_ended_outside(await desk._ledger.cancel(job.job_id), "cancelled while it waited")
    assert ended is not None
    assert (ended.status, ended.errors[-1].error_code) == (SubmissionStatus.APPROVED, "cancelled")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("De", "de"),
        ("pt-BR", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("DE-DE", "de-DE"),
        (" ro ", "ro"),
    ],
    ids=repr,
)
def test_a_language_is_known_in_whatever_case_it_is_written(written: str, code: str) -> None:
    assert SubmitRequest(amazon_url="https://shop.example/dp/1", language=written).language == code
