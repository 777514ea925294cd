"""The review desk's rules: what may be done to a submission and its article, and which job that starts.

Every method is one read and one conditional write; nothing is held between calls.
"""

from __future__ import annotations

from typing import Any

from spine.contracts.jobs import RUNNING_STATUSES, Job, JobStatus
from spine.contracts.submissions import StepError, Submission, SubmissionStatus, SubmitRequest
from spine.contracts.texts import Article, ExaminedText
from spine.contracts.timestamps import iso, utc_now
from spine.documents import ARTICLES, SUBMISSIONS
from spine.errors import ConflictError, DuplicateError, InvalidInputError, NotFoundError
from spine.field_errors import FieldError, refuse
from spine.idempotency import digest, new_id
from spine.jobs import JobLedger
from spine.ports import Document, Documents
from spine.prompts import PromptShelf
from spine.stage_overrides import STAGE_RULES, check_words, checked_overrides, merged_overrides

BOOK_REVIEW = "book_review"
PUBLISH_ARTICLE = "publish_article"

STAGES = tuple(STAGE_RULES)
"""The steps of the template `book-review`, in order."""

_SETTLED = [str(status) for status in ("ready_for_review", "approved", "published", "rejected", "failed")]
_DECIDED = [str(status) for status in ("approved", "published", "rejected", "failed")]
"""An edit of an article in one of these puts its submission before the reviewer again."""

_MAY_GO_OUT = ("approved", "published")
"""Statuses of a revision that somebody approved."""

_PUBLISHABLE = frozenset({SubmissionStatus.APPROVED, SubmissionStatus.PUBLISHING, SubmissionStatus.PUBLISHED})
_ACTIVE = {*RUNNING_STATUSES, JobStatus.PENDING, JobStatus.RETRY}


class ReviewDesk:
    """Submissions and articles in `documents`, their jobs in `ledger`."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    # -- starting ----------------------------------------------------------------------------------------

    async def submit(
        self, request: SubmitRequest, *, idempotency_key: str | None = None, parent_job_id: str | None = None
    ) -> tuple[Submission, Job]:
        """A stored submission with its first job. A known idempotency key gives the submission it made."""
        key = f"submit:{idempotency_key}" if idempotency_key else None
        if key and (known := await self._ledger.by_key(key)):
            return await self.get(known.subject_id), known
        # The submission's id follows from the key, so that a crash between the two writes leaves no second one.
        submission = await self.accept(request, f"sub_{digest(key)}" if key else None)
        return await self._start(submission, key, parent_job_id)

    async def accept(self, request: SubmitRequest, submission_id: str | None = None) -> Submission:
        """Store a submission without starting a job; a known id gives the submission that has it."""
        submission = Submission(submission_id=submission_id or new_id("sub"), request=request)
        try:
            await self._documents.insert(SUBMISSIONS, submission_document(submission))
        except DuplicateError:
            return await self.get(submission.submission_id)
        return submission

    async def retry(self, submission_id: str, *, fresh: bool = False) -> tuple[Submission, Job]:
        """Run the whole pipeline again; finished stages come from the cache unless `fresh`."""
        submission = await self._idle(submission_id)
        return await self._start(submission, changes=_renewed(submission, STAGES[0]) if fresh else {})

    async def retry_step(self, submission_id: str, stage: str, overrides: dict[str, Any]) -> tuple[Submission, Job]:
        """Run `stage` and those after it again, with edits to what the stage is given (`spine.stage_overrides`).

        Edits stay in force for later reruns until they are replaced, or taken back with `null`.
        """
        edits = checked_overrides(stage, overrides)
        submission = await self._idle(submission_id)
        merged = merged_overrides(submission.overrides.get(stage, {}), edits)
        check_words(submission.request, merged)
        await self._check_prompt_version(stage, edits.get("prompt_version"))
        return await self._start(submission, changes=_renewed(submission, stage, merged))

    async def _check_prompt_version(self, stage: str, version: int | None) -> None:
        if version is None:
            return
        purpose = STAGE_RULES[stage].purpose or ""
        known = await PromptShelf(self._documents).versions(purpose) or [1]  # the text that comes with Millrace
        if version not in known:
            told = f"must be a version of the prompt {purpose}: {', '.join(str(one) for one in sorted(known))}"
            refuse([FieldError("overrides.prompt_version", told)])

    async def _start(
        self,
        submission: Submission,
        key: str | None = None,
        parent_job_id: str | None = None,
        changes: dict[str, Any] | None = None,
    ) -> tuple[Submission, Job]:
        """A job and, in one write with it, the `changes` that it is to see: who is too late changes nothing."""
        job, _ = await self._ledger.create(
            BOOK_REVIEW,
            submission.submission_id,
            idempotency_key=key,
            params=submission.request.model_dump(mode="json"),
            parent_job_id=parent_job_id,
        )
        document = await self._documents.update(
            SUBMISSIONS,
            {"_id": submission.submission_id, "job_id": submission.job_id},
            set={
                **(changes or {}),
                "job_id": job.job_id,
                "status": str(SubmissionStatus.PENDING),
                "updated": iso(utc_now()),
            },
        )
        if document is None:
            return await self._somebody_was_quicker(submission.submission_id, job)
        return submission_from(document), job

    async def _somebody_was_quicker(self, submission_id: str, job: Job) -> tuple[Submission, Job]:
        """Of two that start a job for one submission at the same moment, the second steps back."""
        current = await self.get(submission_id)
        if current.job_id == job.job_id:
            return current, job  # the same idempotency key gave both the same job
        await self._ledger.cancel(job.job_id)
        raise ConflictError(f"Job {current.job_id} of this submission was started at the same moment; watch that one.")

    async def _idle(self, submission_id: str) -> Submission:
        submission = await self.get(submission_id)
        if submission.job_id is None:
            raise NotFoundError(f"Submission {submission_id} was never run; there is nothing to retry.")
        job = await self._ledger.get(submission.job_id)
        if job.status in _ACTIVE:
            raise ConflictError(
                f"Job {job.job_id} of this submission is {job.status}; cancel it or wait until it has ended."
            )
        return submission

    async def publish(self, submission_id: str) -> tuple[Submission, Job]:
        """A job that puts the approved revision on the site; the same revision gives the same job, started again
        when it had failed, and another one when it was cancelled."""
        submission, article = await self.get(submission_id), await self.article(submission_id)
        if submission.status not in _PUBLISHABLE:
            raise ConflictError(f"The submission is {submission.status}; approve its article before it is published.")
        job = await self._publication(article)
        if job.status in (JobStatus.FAILURE, JobStatus.DEAD):
            job = await self._ledger.redrive(job.job_id)
        return await self._update(submission_id, set={"job_id": job.job_id}), job

    async def _publication(self, article: Article) -> Job:
        key = publication_key(article)
        while True:
            job, _ = await self._ledger.create(
                PUBLISH_ARTICLE,
                article.submission_id,
                idempotency_key=key,
                params={"submission_id": article.submission_id},
            )
            if job.status is not JobStatus.REVOKED:
                return job
            key = f"{publication_key(article)}:after:{job.job_id}"

    # -- reading -----------------------------------------------------------------------------------------

    async def get(self, submission_id: str) -> Submission:
        document = await self._documents.get(SUBMISSIONS, submission_id)
        if document is None:
            raise NotFoundError(f"There is no submission {submission_id}.")
        return submission_from(document)

    async def article(self, submission_id: str, revision: int | None = None) -> Article:
        """The newest revision, or the one asked for."""
        where: dict[str, Any] = {"submission_id": submission_id}
        if revision is not None:
            where["revision"] = revision
        found = await self._documents.find(ARTICLES, where, sort=[("revision", -1)], limit=1)
        if not found:
            await self.get(submission_id)
            what = f"revision {revision} of the article" if revision else "article"
            raise NotFoundError(f"Submission {submission_id} has no {what} yet.")
        return article_from(found[0])

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
        revised = await self.add_revision(edited, after=if_match)
        await self._reopen(submission_id)
        return revised

    async def add_revision(self, article: Article, after: int | None = None) -> Article:
        """Store `article` as the revision after the newest one; `ConflictError` when that is not `after`."""
        while True:
            newest = await self._documents.find(
                ARTICLES, {"submission_id": article.submission_id}, sort=[("revision", -1)], limit=1
            )
            revision = newest[0]["revision"] + 1 if newest else 1
            if after is not None and revision != after + 1:
                raise ConflictError(f"The article is at revision {revision - 1}, not {after}; read it again.")
            stored = article.model_copy(
                update={
                    "revision": revision,
                    "article_id": f"{article.submission_id}:{revision}",
                    "created": iso(utc_now()),
                }
            )
            try:
                await self._documents.insert(ARTICLES, article_document(stored))
            except DuplicateError:
                continue  # somebody else took this number
            return stored

    async def approve(self, submission_id: str) -> Submission:
        """Accept the newest revision."""
        return await self._decide(submission_id, SubmissionStatus.APPROVED)

    async def reject(self, submission_id: str, reason: str) -> Submission:
        if not reason.strip():
            raise InvalidInputError("A rejection needs a reason that the writer can act on.")
        return await self._decide(submission_id, SubmissionStatus.REJECTED, note=f"rejected: {reason.strip()}")

    async def _decide(self, submission_id: str, verdict: SubmissionStatus, note: str | None = None) -> Submission:
        article = await self.article(submission_id)
        # A failed run after the approval (a site that was away) leaves the decision as it was.
        decidable = [SubmissionStatus.READY_FOR_REVIEW, verdict]
        decidable += [SubmissionStatus.FAILED] if article.status == verdict else []
        where = {"_id": submission_id, "status": {"$in": decidable}}
        document = await self._documents.update(
            SUBMISSIONS,
            where,
            set={"status": str(verdict), "updated": iso(utc_now())},
            push={"notes": note} if note else None,
        )
        if document is None:
            state = (await self.get(submission_id)).status
            raise ConflictError(f"The submission is {state}; only one that is ready_for_review can be decided on.")
        await self._documents.update(ARTICLES, {"_id": article.article_id}, set={"status": str(verdict)})
        if (newest := await self.article(submission_id)).revision != article.revision:
            await self._reopen(submission_id)
            raise ConflictError(f"Revision {newest.revision} was stored in this moment; read it before you decide.")
        return submission_from(document)

    async def _reopen(self, submission_id: str) -> None:
        """Put before the reviewer again what was decided on, or what failed."""
        await self._documents.update(
            SUBMISSIONS,
            {"_id": submission_id, "status": {"$in": _DECIDED}},
            set={"status": str(SubmissionStatus.READY_FOR_REVIEW), "updated": iso(utc_now())},
        )

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
        """A job that ended with no flow to say so (cancelled while it waited, given up): its submission failed.

        None when the submission has gone on to another job or had ended already.
        """
        error = StepError(
            step=job.current_step,
            message=message,
            error_class=job.error.error_class if job.error else "JobCancelledError",
            error_code=job.error.error_code if job.error else "cancelled",
            attempt=job.attempts,
        )
        document = await self._documents.update(
            SUBMISSIONS,
            {"_id": job.subject_id, "job_id": job.job_id, "status": {"$nin": _SETTLED}},
            set={"status": str(SubmissionStatus.FAILED), "updated": iso(utc_now())},
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


def publication_key(article: Article) -> str:
    """The idempotency key of the job that puts this revision on the site."""
    return f"publish:{article.article_id}"


def _renewed(submission: Submission, stage: str, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """What puts `stage` and those after it into a new epoch, so that their cached results no longer count."""
    later = STAGES[STAGES.index(stage) :]
    changes: dict[str, Any] = {f"epochs.{name}": submission.epochs.get(name, 0) + 1 for name in later}
    if overrides is not None and overrides != submission.overrides.get(stage, {}):
        changes[f"overrides.{stage}"] = overrides
    return changes


def submission_document(submission: Submission) -> Document:
    fields = submission.model_dump(mode="json")
    return {"_id": fields.pop("submission_id"), **fields}


def submission_from(document: Document) -> Submission:
    fields = dict(document)
    return Submission(submission_id=fields.pop("_id"), **fields)


def article_document(article: Article) -> Document:
    fields = article.model_dump(mode="json")
    return {"_id": fields.pop("article_id"), **fields}


def article_from(document: Document) -> Article:
    fields = dict(document)
    return Article(article_id=fields.pop("_id"), **fields)
