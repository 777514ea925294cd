"""Submissions and their jobs as a stack has them after a year, in any number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import Submission, SubmissionStatus, SubmitRequest
from spine.contracts.timestamps import iso, utc_now
from spine.documents import JOBS, SUBMISSIONS
from spine.jobs import to_document
from spine.ports import Document, Documents
from spine.stored_reviews import submission_document
from spine.submissions import BOOK_REVIEW, STAGES

_AT_ONCE = 500  # writes on their way to the store
_BEGAN = utc_now() - timedelta(days=365)


async def store_submissions(documents: Documents, number: int) -> None:
    await write_all(documents, SUBMISSIONS, map(submission, range(number)))
    await write_all(documents, JOBS, map(ended_job, range(number)))


async def write_all(documents: Documents, collection: str, made: Iterable[Document]) -> None:
    left = iter(made)
    while some := list(islice(left, _AT_ONCE)):
        await asyncio.gather(*(documents.upsert(collection, document) for document in some))


def submission(number: int) -> Document:
    """`sub_{number}`. One in four waits for a person, so that a page of them is full at every size."""
    status = SubmissionStatus.PUBLISHED if number % 4 else SubmissionStatus.READY_FOR_REVIEW
    stages: Any = {stage: {"status": "completed"} for stage in STAGES}
    made = Submission(
        submission_id=f"sub_{number}",
        request=SubmitRequest(amazon_url=f"https://shop.example/dp/{number}"),
        title=f"Book {number}",
        stages=stages,
    )
    return {**submission_document(made), "job_id": f"job_{number}", "status": str(status), "created": moment(number)}


def ended_job(number: int) -> Document:
    """`job_{number}`. Nearly all jobs of a stack have ended."""
    made = Job(
        job_id=f"job_{number}",
        pipeline=BOOK_REVIEW,
        idempotency_key=f"key {number}",
        subject_id=f"sub_{number}",
    )
    status = JobStatus.SUCCESS if number % 50 else JobStatus.FAILURE
    moments = {"created": moment(number), "started": moment(number), "finished": moment(number)}
    return {**to_document(made), "status": str(status), **moments}


def moment(number: int) -> str:
    """A second after the one before, a year ago."""
    return iso(_BEGAN + timedelta(seconds=number))
