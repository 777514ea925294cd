"""The one event that tells how a job goes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from spine.contracts.timestamps import Timestamp, utc_now


class ProgressEvent(BaseModel):
    """Lives in the job's Redis stream for 24 hours; `seq` counts from 1 within a job, without gaps."""

    type: Literal["progress", "log", "state"]
    job_id: str
    subject_id: str = ""
    pipeline: str = ""
    progress: float = Field(default=0.0, ge=0, le=100, description="percent; never falls within an attempt")
    current_step: str = ""
    status: str | None = Field(default=None, description="job status, on `state` events")
    message: str = ""
    level: str = "info"
    stream: str | None = Field(default=None, description="stdout | stderr for agent output")
    elapsed: float = Field(default=0.0, description="seconds since the attempt began")
    eta: float | None = Field(default=None, description="seconds left, None while unknown")
    worker: str = ""
    attempt: int = 1
    timestamp: Timestamp = Field(default_factory=utc_now)
    seq: int = 0
