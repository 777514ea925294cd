"""One review in progress: its stages with their statuses, cache keys, records and errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from prefect.runtime import flow_run as prefect_flow_run

from spine.budget import Budget, Purse, paying_from
from spine.contracts.books import BookMetadata
from spine.contracts.jobs import Job, Usage
from spine.contracts.pipelines import PipelineConfig, StepConfig
from spine.contracts.submissions import StageRecord, StepError, Submission, SubmissionStatus, SubmitRequest
from spine.contracts.timestamps import utc_now
from spine.contracts.usage import UsageAccount
from spine.errors import JobCancelledError
from spine.idempotency import digest, stage_key
from spine.jobs import describe
from spine.ports import ModelChoice
from spine.review_jobs import ReviewJobs
from spine.services import Services
from spine.submissions import BOOK_REVIEW, PUBLISH_ARTICLE, STAGES, ReviewDesk
from spine.usage import spent_on
from tasks.book_review.artifacts import ReviewArtifacts
from tasks.book_review.configuration import StageSettings, credential_of, load_pipeline, load_prompt, settle_stage
from tasks.job_run import JobRun, TimeLimits, adopt_job, assigned_job, job_run

LIMITS = TimeLimits(soft=28 * 60, hard=30 * 60)

_ENTERING = {
    "amazon_scrape": SubmissionStatus.SCRAPING_AMAZON,
    "additional_links_scrape": SubmissionStatus.PROCESSING_LINKS,
    "summarize_additional_links": SubmissionStatus.SUMMARIZING,
    "consolidate_book_data": SubmissionStatus.CONSOLIDATING,
    "internet_research": SubmissionStatus.RESEARCHING,
    "context_generation": SubmissionStatus.GENERATING_CONTEXT,
    "article_generation": SubmissionStatus.GENERATING_ARTICLE,
    "publishing": SubmissionStatus.PUBLISHING,
}
"""Stage → what the submission's status says while it runs."""

_SHARE = {
    "amazon_scrape": (0, 15),
    "additional_links_scrape": (15, 35),
    "summarize_additional_links": (35, 50),
    "consolidate_book_data": (50, 55),
    "internet_research": (55, 70),
    "context_generation": (70, 80),
    "article_generation": (80, 95),
    "publishing": (95, 99),
}
"""Stage → the stretch of the whole job's progress that it stands for, in percent."""


@dataclass
class Stage:
    """One stage while it runs. Its record is written to the submission when it ends."""

    id: str
    settings: StageSettings
    subject_id: str
    epoch: int
    overrides: dict[str, Any]
    run: JobRun
    artifacts: ReviewArtifacts
    record: StageRecord = field(default_factory=StageRecord)

    @property
    def delay_seconds(self) -> float:
        return self.settings.step.delay_seconds

    @property
    def made_in(self) -> str:
        """Job and attempt: an answer that carries another one came from the cache."""
        return f"{self.run.job.job_id}:{self.run.job.attempts}"

    @property
    def account(self) -> UsageAccount:
        """Who pays for what this stage asks."""
        job = self.run.job
        return UsageAccount(submission_id=self.subject_id, job_id=job.job_id, pipeline=job.pipeline, stage=self.id)

    def chain_for(self, longest_answer: int = 0) -> tuple[ModelChoice, ...]:
        """The providers to ask; where nobody set a limit, it leaves room for `longest_answer` tokens."""
        if self.settings.resolved.max_tokens.origin != "default":
            return self.settings.chain
        return tuple(replace(one, max_tokens=max(one.max_tokens, longest_answer)) for one in self.settings.chain)

    def key(self, **inputs: Any) -> str:
        """The cache key of one call in this stage."""
        return stage_key(self.subject_id, self.id, self.epoch, **inputs, **self.settings.fingerprint)

    @property
    def edits(self) -> dict[str, Any]:
        """The parts of the stage's input document that a rerun replaced."""
        return self.overrides.get("input") or {}

    async def progress(self, done: int, of: int, message: str = "") -> None:
        """`done` of `of` parts of this stage are finished."""
        begin, end = _SHARE[self.id]
        await self.run.progress(begin + (end - begin) * (done / of if of else 1), self.id, message)


@dataclass
class Review:
    """The submission under review, its job's attempt, and the pipeline that says how."""

    run: JobRun
    desk: ReviewDesk
    submission: Submission
    pipeline: PipelineConfig
    artifacts: ReviewArtifacts

    @property
    def request(self) -> SubmitRequest:
        return self.submission.request

    @property
    def services(self) -> Services:
        return self.run.services

    @property
    def links(self) -> list[str]:
        """The other links: those of the request, or those that a rerun put in their place."""
        edited = (self.submission.overrides.get("additional_links_scrape") or {}).get("input") or {}
        return list(edited.get("links", self.request.links))

    def metadata_at(self, stage_id: str, metadata: BookMetadata) -> BookMetadata:
        """The consolidated facts with the corrections of every rerun from a stage after that up to this one."""
        corrected = metadata.model_dump()
        for stage in STAGES[STAGES.index("consolidate_book_data") + 1 : STAGES.index(stage_id) + 1]:
            edits = (self.submission.overrides.get(stage) or {}).get("input") or {}
            corrected |= edits.get("metadata") or {}
        return BookMetadata.model_validate(corrected)

    def step(self, stage_id: str) -> StepConfig:
        return self.pipeline.step(stage_id)

    def is_enabled(self, stage_id: str) -> bool:
        step = self.step(stage_id)
        return step.enabled or not step.optional

    @asynccontextmanager
    async def stage(self, stage_id: str) -> AsyncGenerator[Stage]:
        """Run the block as a stage: status and progress before, record and error after."""
        stage = await self.prepared(stage_id)
        self.run.current_step = stage_id
        stage.record.started = utc_now()
        await self._note(stage, status=_ENTERING[stage_id])
        await stage.progress(0, 1, self.step(stage_id).name)
        try:
            yield stage
        except BaseException as error:
            stage.record.status = "failed"
            stage.record.finished = utc_now()
            failed: list[dict[str, Any]] = getattr(error, "attempts", [])
            stage.record.attempts = [*stage.record.attempts, *failed]
            stage.record.usage = sum((_usage_of(attempt) for attempt in failed), stage.record.usage)
            self.run.usage = self.run.usage + stage.record.usage
            if isinstance(error, Exception) and not isinstance(error, JobCancelledError):
                await self._note(stage)
                await self._record_failure(stage_id, error)
            raise
        stage.record.status = "completed"
        stage.record.finished = utc_now()
        self.run.usage = self.run.usage + stage.record.usage
        await self._note(stage)
        await stage.progress(1, 1)
        self.artifacts.progress(_SHARE[stage_id][1])

    async def skip(self, stage_id: str, why: str) -> None:
        """Note that an optional stage was left out."""
        record = StageRecord(status="skipped", note=why)
        self.submission = await self.desk.note(
            self.submission.submission_id, **{f"stages.{stage_id}": record.model_dump(mode="json")}
        )

    async def note(self, **changes: Any) -> None:
        """Set fields of the submission."""
        self.submission = await self.desk.note(self.submission.submission_id, **changes)

    async def prepared(self, stage_id: str) -> Stage:
        """A stage as it will run, with nothing of it begun or recorded."""
        step, overrides = self.step(stage_id), self.submission.overrides.get(stage_id, {})
        prompt = await load_prompt(self.services.documents, step, overrides)
        credential = credential_of(step, self.services.named_credentials)
        settled = settle_stage(
            step, prompt, credential, overrides, self.services.models.available(), self.pipeline.allow_extractive
        )
        return Stage(
            id=stage_id,
            settings=settled,
            subject_id=self.submission.submission_id,
            epoch=self.submission.epochs.get(stage_id, 0),
            overrides=overrides,
            run=self.run,
            artifacts=self.artifacts,
            record=StageRecord(
                status="running",
                # A text that a rerun brought along is no version of the stored prompt.
                prompt_version=prompt.version if prompt and "prompt" not in overrides else None,
            ),
        )

    async def _note(self, stage: Stage, status: SubmissionStatus | None = None) -> None:
        changes: dict[str, Any] = {f"stages.{stage.id}": stage.record.model_dump(mode="json")}
        if status is not None:
            changes["status"] = str(status)
        await self.note(**changes)

    async def _record_failure(self, stage_id: str, error: Exception) -> None:
        described = describe(error, stage_id)
        self.submission = await self.desk.record_failure(
            self.submission.submission_id,
            StepError(
                step=stage_id,
                message=described.message,
                error_class=described.error_class,
                error_code=described.error_code,
                attempt=self.run.job.attempts,
            ),
        )


@asynccontextmanager
async def open_review(services: Services, request: SubmitRequest) -> AsyncGenerator[Review]:
    """The review that the lane assigned to this flow, or a new one for a flow that was started in another way."""
    desk = ReviewDesk(services.documents, services.ledger)
    job = assigned_job() or await _adopt(services, desk, request)
    async with _reviewing(services, desk, job) as review:
        review.artifacts.name_run(review.submission.title or _page(review.request.amazon_url))
        yield review


@asynccontextmanager
async def open_publication(services: Services, submission_id: str) -> AsyncGenerator[Review]:
    """The submission whose approved article this flow is to publish, under the assigned job or one of its own."""
    desk = ReviewDesk(services.documents, services.ledger)
    job = assigned_job()
    if job is None:
        await desk.get(submission_id)
        job = await adopt_job(
            services.ledger,
            services.worker,
            pipeline=PUBLISH_ARTICLE,
            subject_id=submission_id,
            params={"submission_id": submission_id},
        )
        await desk.note(submission_id, job_id=job.job_id)
    async with _reviewing(services, desk, job) as review:
        yield review


@asynccontextmanager
async def _reviewing(services: Services, desk: ReviewDesk, job: Job) -> AsyncGenerator[Review]:
    artifacts = ReviewArtifacts(job.subject_id)
    try:
        async with job_run(services, job, LIMITS) as run:
            submission = await desk.get(job.subject_id)
            pipeline = await load_pipeline(services.documents, submission.request.pipeline_id)
            with paying_from(await _purse(services, pipeline, submission.submission_id)):
                yield Review(run=run, desk=desk, submission=submission, pipeline=pipeline, artifacts=artifacts)
    except Exception as error:
        # A stage has recorded its own failure; this is for what ended the review between or above the stages.
        await desk.job_ended_outside(job.model_copy(update={"error": describe(error)}), str(error))
        raise
    finally:
        await artifacts.settle()


def _page(url: str) -> str:
    """`shop.example/dp/1`, for the list of flow runs."""
    address = urlsplit(url)
    return f"{address.netloc}{address.path}"


async def _purse(services: Services, pipeline: PipelineConfig, submission_id: str) -> Purse:
    """What the pipeline allows the submission, less what all its jobs have spent."""
    budget = Budget(tokens=pipeline.budget_tokens, usd=pipeline.budget_usd)
    return Purse(budget, services.price, await spent_on(services.documents, submission_id))


def _usage_of(attempt: dict[str, Any]) -> Usage:
    return Usage(**{name: attempt[name] for name in Usage.model_fields if name in attempt})


async def _adopt(services: Services, desk: ReviewDesk, request: SubmitRequest) -> Job:
    """A submission and job for a flow run from the Prefect UI, a schedule or Python; a rerun finds its own."""
    flow_run_id = prefect_flow_run.get_id()
    submission_id = f"sub_{digest('flow-run', flow_run_id)}" if flow_run_id else None
    submission = await ReviewJobs(services.documents, services.ledger).accept(request, submission_id)
    job = await adopt_job(
        services.ledger,
        services.worker,
        pipeline=BOOK_REVIEW,
        subject_id=submission.submission_id,
        params=request.model_dump(mode="json"),
    )
    await desk.note(submission.submission_id, job_id=job.job_id)
    return job
