"""An approved article becomes a WordPress post; an article that has one brings it up to date."""

from __future__ import annotations

from prefect import flow

from spine.contracts.reviews import ReviewResult
from tasks.book_review.review import open_publication
from tasks.book_review.stages import ReviewStages
from tasks.opening import open_run_services


@flow(name="publish_article", flow_run_name="publish {submission_id}", persist_result=False)
async def publish_article(submission_id: str) -> ReviewResult:
    """Publish the approved article of a submission.

    Args:
        submission_id: The submission whose article was approved, sub_…
    """
    async with open_run_services() as services, open_publication(services, submission_id) as publication:
        article = await ReviewStages(publication).publish()
    return ReviewResult(submission_id=submission_id, job_id=publication.run.job.job_id, article=article)
