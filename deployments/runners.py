"""Which flow runs a job of which pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from spine.contracts.jobs import Job
from spine.errors import NotConfiguredError
from spine.services import Services
from spine.submissions import BOOK_REVIEW, ReviewDesk

Runner = Callable[[Job], Awaitable[Any]]


async def _book_review(job: Job) -> Any:
    from flows.book_review import book_review

    # The cast hides Prefect's overloads, which cannot know that the parameters hold no `return_state`.
    return await cast(Any, book_review)(**job.params)


RUNNERS: dict[str, Runner] = {BOOK_REVIEW: _book_review}


def runner_for(pipeline: str) -> Runner:
    try:
        return RUNNERS[pipeline]
    except KeyError:
        raise NotConfiguredError(
            f"No flow runs jobs of {pipeline!r}; known are {', '.join(sorted(RUNNERS))}.", what=pipeline
        ) from None


async def tell_subject(services: Services, job: Job) -> None:
    """Let what the job was about know that the job ended with no flow to say so."""
    if job.pipeline == BOOK_REVIEW:
        reason = job.error.message if job.error else "The job was given up."
        await ReviewDesk(services.documents, services.ledger).job_ended_outside(job, reason)
