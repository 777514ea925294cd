"""Starting reviews: a submission's first job, and the jobs that run it again, from the first stage or from another.

Every method is a read or two and one conditional write; nothing is held between calls.
"""

from __future__ import annotations

from typing import Any

from spine.contracts.jobs import RUNNING_STATUSES, Job, JobStatus
from spine.contracts.submissions import Submission, SubmissionStatus, SubmitRequest
from spine.contracts.timestamps import iso, utc_now
from spine.documents import SUBMISSIONS
from spine.errors import ConflictError, DuplicateError, NotFoundError
from spine.field_errors import FieldError, refuse
from spine.idempotency import digest, new_id
from spine.jobs import JobLedger
from spine.ports import Documents
from spine.prompts import PromptShelf
from spine.stage_overrides import STAGE_RULES, check_words, checked_overrides, merged_overrides
from spine.stored_reviews import stored_submission, submission_document, submission_from
from spine.submissions import BOOK_REVIEW, STAGES

_ACTIVE = {*RUNNING_STATUSES, JobStatus.PENDING, JobStatus.RETRY}


class ReviewJobs:
    """Submissions in `documents`, their jobs in `ledger`."""

    def __init__(self, documents: Documents, ledger: JobLedger) -> None:
        self._documents = documents
        self._ledger = ledger

    async def submit(
        self, request: SubmitRequest, *, idempotency_key: str | None = None, parent_job_id: str | None = None
    ) -> tuple[Submission, Job]:
        """A stored submission with its first job. A known idempotency key gives the submission it made."""
        key = f"submit:{idempotency_key}" if idempotency_key else None
        if key and (known := await self._ledger.by_key(key)):
            return await stored_submission(self._documents, known.subject_id), known
        # The submission's id follows from the key, so that a crash between the two writes leaves no second one.
        submission = await self.accept(request, f"sub_{digest(key)}" if key else None)
        return await self._start(submission, key, parent_job_id)

    async def accept(self, request: SubmitRequest, submission_id: str | None = None) -> Submission:
        """Store a submission without starting a job; a known id gives the submission that has it."""
        submission = Submission(submission_id=submission_id or new_id("sub"), request=request)
        try:
            await self._documents.insert(SUBMISSIONS, submission_document(submission))
        except DuplicateError:
            return await stored_submission(self._documents, submission.submission_id)
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
        current = await stored_submission(self._documents, submission_id)
        if current.job_id == job.job_id:
            return current, job  # the same idempotency key gave both the same job
        await self._ledger.cancel(job.job_id)
        raise ConflictError(f"Job {current.job_id} of this submission was started at the same moment; watch that one.")

    async def _idle(self, submission_id: str) -> Submission:
        submission = await stored_submission(self._documents, submission_id)
        if submission.job_id is None:
            raise NotFoundError(f"Submission {submission_id} was never run; there is nothing to retry.")
        job = await self._ledger.get(submission.job_id)
        if job.status in _ACTIVE:
            raise ConflictError(
                f"Job {job.job_id} of this submission is {job.status}; cancel it or wait until it has ended."
            )
        return submission


def _renewed(submission: Submission, stage: str, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """What puts `stage` and those after it into a new epoch, so that their cached results no longer count."""
    later = STAGES[STAGES.index(stage) :]
    changes: dict[str, Any] = {f"epochs.{name}": submission.epochs.get(name, 0) + 1 for name in later}
    if overrides is not None and overrides != submission.overrides.get(stage, {}):
        changes[f"overrides.{stage}"] = overrides
    return changes
