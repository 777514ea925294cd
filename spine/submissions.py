"""The review desk's rules: what may be done to a submission and its article. Runs start in `spine.review_jobs`.

Every method is one read and one conditional write; nothing is held between calls.
"""

from __future__ import annotations

from typing import Any

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import StepError, Submission, SubmissionStatus
from spine.contracts.texts import Article, ExaminedText
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARTICLES, SUBMISSIONS
from spine.errors import ConflictError, InvalidInputError, JobCancelledError, NotFoundError
from spine.jobs import JobLedger
from spine.ports import Documents
from spine.stage_overrides import STAGE_RULES
from spine.stored_reviews import add_revision, article_from, find_article, stored_submission, submission_from

BOOK_REVIEW = "book_review"
PUBLISH_ARTICLE = "publish_article"

STAGES = tuple(STAGE_RULES)
"""The steps of the template `book-review`, in order."""

_CANCELLED = JobCancelledError.error_code
_REJECTED_FOR = "rejected: "
_SETTLED = [str(status) for status in ("ready_for_review", "approved", "published", "rejected", "failed")]
_DECIDED = [str(status) for status in ("approved", "published", "rejected", "failed")]
"""An edit of an article in one of these puts its submission before the reviewer again."""

_MAY_GO_OUT = ("approved", "published")
"""Statuses of a revision that somebody approved."""

_PUBLISHABLE = frozenset({SubmissionStatus.APPROVED, SubmissionStatus.PUBLISHING, SubmissionStatus.PUBLISHED})


class ReviewDesk:
    """Submissions and articles in `documents`, their jobs in `ledger`."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    # -- reading -----------------------------------------------------------------------------------------

    async def get(self, submission_id: str) -> Submission:
        return await stored_submission(self._documents, submission_id)

    async def article(self, submission_id: str, revision: int | None = None) -> Article:
        """The newest revision, or the one asked for."""
        article = await find_article(self._documents, submission_id, revision)
        if article is None:
            await self.get(submission_id)
            what = f"revision {revision} of the article" if revision else "article"
            raise NotFoundError(f"Submission {submission_id} has no {what} yet.")
        return article

    async def approved_article(self, submission_id: str) -> Article:
        """The newest revision, which may go out; `ConflictError` when somebody edited it after the approval."""
        article = await self.article(submission_id)
        if article.status not in _MAY_GO_OUT:
            raise ConflictError(
                f"Revision {article.revision} of the article is {article.status}; approve it before it is published."
            )
        return article

    # -- deciding ----------------------------------------------------------------------------------------

    async def edit_article(
        self,
        submission_id: str,
        *,
        content: str,
        title: str | None,
        examined: ExaminedText,
        editor: str,
        if_match: int | None,
    ) -> Article:
        """A new revision by a person. `if_match` is the revision the person has read."""
        current = await self.article(submission_id)
        if if_match is not None and if_match != current.revision:
            raise ConflictError(
                f"The article is at revision {current.revision}, not {if_match}; read it again before you edit."
            )
        if not content.strip():
            raise InvalidInputError("The article's content is empty.")
        edited = current.model_copy(
            update={
                "content": content,
                "title": title or current.title,
                **examined.model_dump(),
                "claims": examined.claims,
                "author": editor,
                "made_from": None,
                "status": "ready_for_review",
            }
        )
        revised = await add_revision(self._documents, edited, after=if_match)
        await self._reopen(submission_id)
        return revised

    async def article_to_decide(self, submission_id: str) -> Article:
        """The newest revision; `ConflictError` for a submission that has no article yet."""
        article = await find_article(self._documents, submission_id)
        if article is None:
            status = (await self.get(submission_id)).status
            raise ConflictError(f"The submission is {status} and has no article yet that could be decided on.")
        return article

    async def approve(self, submission_id: str) -> Submission:
        """Accept the newest revision."""
        return await self._decide(submission_id, SubmissionStatus.APPROVED)

    async def reject(self, submission_id: str, reason: str) -> Submission:
        """Refuse the newest revision. The same rejection again changes nothing; `ConflictError` for another reason."""
        if not reason.strip():
            raise InvalidInputError("A rejection needs a reason that the writer can act on.")
        return await self._decide(submission_id, SubmissionStatus.REJECTED, note=f"{_REJECTED_FOR}{reason.strip()}")

    async def _decide(self, submission_id: str, verdict: SubmissionStatus, note: str | None = None) -> Submission:
        article = await self.article_to_decide(submission_id)
        # A note is kept once; a verdict without one can be written again.
        allowed = [status for status in decidable_from(article, verdict) if note is None or status is not verdict]
        where = {"_id": submission_id, "status": {"$in": allowed}}
        document = await self._documents.update(
            SUBMISSIONS,
            where,
            set={"status": str(verdict), "updated": iso(utc_now())},
            push={"notes": note} if note else None,
        )
        decided = submission_from(document) if document is not None else await self.get(submission_id)
        if document is None and not (note and _is_rejected_with(decided, note)):
            raise ConflictError(
                f"The submission is {decided.status}; only one that is ready_for_review can be decided on."
            )
        await self._documents.update(ARTICLES, {"_id": article.article_id}, set={"status": str(verdict)})
        if (newest := await self.article(submission_id)).revision != article.revision:
            await self._reopen(submission_id)
            raise ConflictError(f"Revision {newest.revision} was stored in this moment; read it before you decide.")
        return decided

    async def _reopen(self, submission_id: str) -> None:
        """Put before the reviewer again what was decided on, or what failed."""
        await self._documents.update(
            SUBMISSIONS,
            {"_id": submission_id, "status": {"$in": _DECIDED}},
            set={"status": str(SubmissionStatus.READY_FOR_REVIEW), "updated": iso(utc_now())},
        )

    async def publish(self, submission_id: str) -> tuple[Submission, Job]:
        """A job that puts the approved revision on the site; the same revision gives the same job, started again
        when it had failed, and another one when it was cancelled, or when it has done its work and somebody approved
        the revision once more (a later run that was to publish it again failed)."""
        submission, article = await self.get(submission_id), await self.article(submission_id)
        if submission.status not in _PUBLISHABLE:
            raise ConflictError(f"The submission is {submission.status}; approve its article before it is published.")
        job = await self._publication(article, again=submission.status is SubmissionStatus.APPROVED)
        if job.status in (JobStatus.FAILURE, JobStatus.DEAD):
            job = await self._ledger.redrive(job.job_id)
        return await self._update(submission_id, set={"job_id": job.job_id}), job

    async def _publication(self, article: Article, *, again: bool) -> Job:
        key = publication_key(article)
        while True:
            job, _ = await self._ledger.create(
                PUBLISH_ARTICLE,
                article.submission_id,
                idempotency_key=key,
                params={"submission_id": article.submission_id},
            )
            # A publication that has ended well leaves `published` behind: an approval that stands now came after it.
            if job.status is not JobStatus.REVOKED and not (again and job.status is JobStatus.SUCCESS):
                return job
            key = f"{publication_key(article)}:after:{job.job_id}"

    async def record_post(self, article: Article, post_id: int, post_url: str) -> Article:
        """The revision, with where its post is, and its submission as published; an edit that was stored meanwhile
        waits for the reviewer."""
        document = await self._documents.update(
            ARTICLES,
            {"_id": article.article_id},
            set={"status": str(SubmissionStatus.PUBLISHED), "post_id": post_id, "post_url": post_url},
        )
        if document is None:
            raise NotFoundError(f"Revision {article.revision} of the article is gone.")
        await self._update(article.submission_id, set={"status": str(SubmissionStatus.PUBLISHED)})
        if (await self.article(article.submission_id)).revision != article.revision:
            await self._reopen(article.submission_id)
        return article_from(document)

    # -- the pipeline's side -----------------------------------------------------------------------------

    async def note(self, submission_id: str, **changes: Any) -> Submission:
        """Set fields of the submission (dotted paths allowed as keys of `set`)."""
        return await self._update(submission_id, set=changes)

    async def record_failure(self, submission_id: str, error: StepError) -> Submission:
        return await self._update(
            submission_id,
            set={"status": str(SubmissionStatus.FAILED)},
            push={"errors": error.model_dump(mode="json")},
        )

    async def job_ended_outside(self, job: Job, message: str) -> Submission | None:
        """A job that ended with no flow to say so, or between its stages (given up, cancelled): its submission failed,
        or, after a cancel, stands where its article stands. What an earlier attempt broke off with is no reason of a
        cancel.

        None when the submission has gone on to another job or had ended already.
        """
        broken = job.error if job.status is not JobStatus.REVOKED else None
        error = StepError(
            step=job.current_step,
            message=message,
            error_class=broken.error_class if broken else "JobCancelledError",
            error_code=broken.error_code if broken else _CANCELLED,
            attempt=job.attempts,
        )
        article = await find_article(self._documents, job.subject_id) if error.error_code == _CANCELLED else None
        status = article.status if article is not None else str(SubmissionStatus.FAILED)
        document = await self._documents.update(
            SUBMISSIONS,
            {"_id": job.subject_id, "job_id": job.job_id, "status": {"$nin": _SETTLED}},
            set={"status": status, "updated": iso(utc_now())},
            push={"errors": error.model_dump(mode="json")},
        )
        return submission_from(document) if document is not None else None

    async def _update(
        self, submission_id: str, *, set: dict[str, Any], push: dict[str, Any] | None = None
    ) -> Submission:
        document = await self._documents.update(
            SUBMISSIONS, {"_id": submission_id}, set={**set, "updated": iso(utc_now())}, push=push
        )
        if document is None:
            raise NotFoundError(f"There is no submission {submission_id}.")
        return submission_from(document)


def decidable_from(article: Article, verdict: SubmissionStatus) -> list[SubmissionStatus]:
    """The statuses of a submission in which the verdict on its newest article is taken."""
    # A failed run after the approval (a site that was away) leaves the decision as it was, and one after the review
    # (a rerun whose shop was away) leaves the article that waits for it.
    undecided = SubmissionStatus.READY_FOR_REVIEW
    stands = _MAY_GO_OUT if verdict is SubmissionStatus.APPROVED else (verdict,)
    failed = [SubmissionStatus.FAILED] if article.status in (undecided, *stands) else []
    return [undecided, verdict, *failed]


def _is_rejected_with(submission: Submission, note: str) -> bool:
    """Whether this is the rejection that stands: a request that is repeated because its answer was lost."""
    reasons = [one for one in submission.notes if one.startswith(_REJECTED_FOR)]
    return submission.status is SubmissionStatus.REJECTED and reasons[-1:] == [note]


def publication_key(article: Article) -> str:
    """The idempotency key of the job that puts this revision on the site."""
    return f"publish:{article.article_id}"
