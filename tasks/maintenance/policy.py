"""How long what can be had again, or was replaced, is kept."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CleanupPolicy(BaseSettings):
    """Each value from the environment (`MILLRACE_KEEP_LOG_DAYS=30`) unless a run is given another one.

    Jobs, submissions, books, prompts and usage are kept for good.
    """

    model_config = SettingsConfigDict(env_prefix="MILLRACE_KEEP_", env_ignore_empty=True, extra="forbid")

    result_days: float = Field(default=7, gt=0, description="results of stages in files (those in Redis expire)")
    progress_hours: float = Field(default=24, gt=0, description="progress streams of jobs, after their end")
    log_days: float = Field(default=14, gt=0, description="logs that were moved aside, after their last line")
    card_log_days: float = Field(default=90, gt=0, description="compressed logs of attempts at cards")
    revision_days: float = Field(default=30, gt=0, description="revisions of an article that may go at all")
    revisions: int = Field(
        default=5,
        ge=1,
        description="newest revisions of an article that stay, besides the first, approved and published ones, and "
        "edits by people",
    )
