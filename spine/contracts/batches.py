"""Many books given at once: the rows that were taken, those that were refused, and how each one ended."""

from __future__ import annotations

from pydantic import BaseModel, Field

from spine.contracts.submissions import SubmitRequest
from spine.contracts.timestamps import Timestamp, utc_now


class RowError(BaseModel):
    """Why a row was not taken. Rows are counted from 1, the header of a table not included."""

    row: int
    field: str
    message: str


class BatchItem(BaseModel):
    """A row that is a submission."""

    row: int
    request: SubmitRequest


class Batch(BaseModel):
    """Stored in `batches`; the subject of one `batch` job. Its rows never change."""

    batch_id: str
    items: list[BatchItem]
    refused: list[RowError] = Field(default_factory=list[RowError])
    fingerprint: str = Field(default="", description="of everything that was sent; tells a reused idempotency key")
    created: Timestamp = Field(default_factory=utc_now)


class ItemOutcome(BaseModel):
    """Where one item stands. Without a job it has not begun."""

    row: int
    submission_id: str | None = None
    job_id: str | None = None
    status: str = Field(default="WAITING", description="the job's status, or WAITING")
    title: str | None = None
    amazon_url: str = ""
    error: str | None = None


class BatchResult(BaseModel):
    """What a finished batch gives back."""

    batch_id: str
    total: int = Field(description="rows that were taken")
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = Field(default=0, description="rows that were not taken")
    items: list[ItemOutcome] = Field(default_factory=list[ItemOutcome])
