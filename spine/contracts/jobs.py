"""The job: one record for every started piece of work."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from spine.contracts.timestamps import Timestamp, stamp


class JobStatus(StrEnum):
    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"
    DEAD = "DEAD"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({JobStatus.SUCCESS, JobStatus.FAILURE, JobStatus.REVOKED, JobStatus.DEAD})
RUNNING_STATUSES = frozenset({JobStatus.STARTED, JobStatus.PROGRESS})


class JobError(BaseModel):
    """Why a job, or one attempt of it, failed."""

    error_class: str = Field(serialization_alias="class", validation_alias="class")
    message: str
    step: str = ""
    retryable: bool = False
    error_code: str = ""

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class Usage(BaseModel):
    """What a job spent on models. `cost_usd` is None when a model's price is unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    cost_usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        unknown = self.cost_usd is None or other.cost_usd is None
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            calls=self.calls + other.calls,
            cost_usd=None if unknown else (self.cost_usd or 0) + (other.cost_usd or 0),
        )


class Job(BaseModel):
    """The truth about one piece of work; stored in `jobs`. A job that was acked is never lost."""

    job_id: str
    pipeline: str
    subject_id: str = Field(description="what the work is about: submission, persona, session, card, …")
    idempotency_key: str = Field(description="unique; keeps deduplicating after completion")
    queue: str = "pipelines"
    params: dict[str, Any] = Field(default_factory=dict)
    status: JobStatus = JobStatus.PENDING
    progress: float = 0.0
    current_step: str = ""
    attempts: int = 0
    max_attempts: int = 3
    parent_job_id: str | None = None
    flow_run_id: str | None = None
    trace_id: str = ""
    worker: str | None = None
    lease_until: Timestamp | None = Field(
        default=None, description="a running job whose lease ran out lost its process"
    )
    run_after: Timestamp | None = Field(default=None, description="not before this moment (retry backoff)")
    cancel_requested: bool = False
    error: JobError | None = None
    usage: Usage = Field(default_factory=Usage)
    result: dict[str, Any] | None = None
    created: Timestamp = Field(default_factory=stamp, description="places the job in its session's line")
    started: Timestamp | None = None
    finished: Timestamp | None = None
