"""What a word cost: one record per attempt at a model, and sums of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spine.contracts.timestamps import Timestamp


class UsageAccount(BaseModel):
    """Whose work it was."""

    model_config = ConfigDict(frozen=True)

    submission_id: str
    job_id: str
    pipeline: str
    stage: str


class UsageRecord(UsageAccount):
    """One provider's turn at one question; stored in `usage` under its key and kept for good.

    It is written when a model is asked. An answer that is read again from the cache writes nothing.
    """

    key: str = Field(description="`<question>:<turn>`, made when the question is asked; unique")
    purpose: str = Field(default="", description="purpose of the prompt")
    provider: str
    model: str
    calls: int = Field(description="requests sent in this turn, re-asks included")
    input_tokens: int
    output_tokens: int
    cost_usd: float | None = Field(description="null when the price of the model is not known")
    seconds: float
    outcome: str = Field(description="ok | failed | cancelled")
    error_class: str | None = None
    day: str = Field(description="UTC, YYYY-MM-DD")
    at: Timestamp


class UsageSum(BaseModel):
    """What some records come to."""

    attempts: int = Field(default=0, description="turns of a provider at a question")
    failed: int = Field(default=0, description="of these: without a valid answer")
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = Field(default=0.0, description="of what has a known price; null when nothing has one")
    calls_with_unknown_cost: int = 0
    seconds: float = Field(default=0.0, description="spent waiting for models")
    seconds_median: float = Field(default=0.0, description="of one attempt")
    seconds_p95: float = Field(default=0.0, description="of one attempt")


class UsageGroup(UsageSum):
    """The records that agree in what was grouped by."""

    group: dict[str, str] = Field(description="e.g. `{day: 2026-01-31, provider: groq}`")
