"""A book link given for review, and how far its review has come."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from spine.contracts.jobs import Usage
from spine.contracts.timestamps import Timestamp, utc_now


class SubmissionStatus(StrEnum):
    PENDING = "pending"
    SCRAPING_AMAZON = "scraping_amazon"
    SCRAPED = "scraped"
    PROCESSING_LINKS = "processing_links"
    SUMMARIZING = "summarizing"
    CONSOLIDATING = "consolidating"
    RESEARCHING = "researching"
    GENERATING_CONTEXT = "generating_context"
    GENERATING_ARTICLE = "generating_article"
    READY_FOR_REVIEW = "ready_for_review"
    APPROVED = "approved"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    REJECTED = "rejected"
    FAILED = "failed"


def _web_address(value: str) -> str:
    """Shape only; whether the address may be fetched is the URL guard's word."""
    value = value.strip()
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a web address that starts with http:// or https://")
    if len(value) > 2048:
        raise ValueError("is longer than 2048 characters")
    return value


def _language_code(value: str) -> str:
    """As everything else compares it, in whatever case it was written: `en`, `pt-BR`."""
    code = re.fullmatch(r"([A-Za-z]{2})(?:-([A-Za-z]{2}))?", value.strip())
    if code is None:
        raise ValueError("must be a language code: two letters, such as en, or with a region, such as pt-BR")
    return code[1].lower() + (f"-{code[2].upper()}" if code[2] else "")


class SubmitRequest(BaseModel):
    """The body of `POST /submit`."""

    model_config = ConfigDict(extra="forbid")

    amazon_url: str = Field(description="the product page of the book, from any shop")
    goodreads_url: str | None = None
    author_site: str | None = None
    other_links: list[str] = Field(default_factory=list, max_length=50)
    language: str = Field(
        default="en",
        description="language of the article: two letters, such as en, or with a region, such as pt-BR",
        json_schema_extra={"pattern": "^[A-Za-z]{2}(-[A-Za-z]{2})?$"},
    )
    min_words: int = Field(default=600, ge=50, le=10_000)
    max_words: int = Field(default=1200, ge=50, le=20_000)
    auto_publish: bool = False
    pipeline_id: str = "book-review"

    @field_validator("language")
    @classmethod
    def _code(cls, value: str) -> str:
        return _language_code(value)

    @field_validator("amazon_url")
    @classmethod
    def _product(cls, value: str) -> str:
        return _web_address(value)

    @field_validator("goodreads_url", "author_site")
    @classmethod
    def _optional(cls, value: str | None) -> str | None:
        return _web_address(value) if value and value.strip() else None

    @field_validator("other_links")
    @classmethod
    def _others(cls, value: list[str]) -> list[str]:
        return [_web_address(link) for link in value if link.strip()]

    @model_validator(mode="after")
    def _bounds(self) -> SubmitRequest:
        if self.max_words < self.min_words:
            raise ValueError(f"max_words ({self.max_words}) is below min_words ({self.min_words})")
        return self

    @property
    def links(self) -> list[str]:
        """The extra links, each once, in the order in which they were given."""
        given = [self.goodreads_url, self.author_site, *self.other_links]
        return list(dict.fromkeys(link for link in given if link))


class StepError(BaseModel):
    """An error as the submission remembers it."""

    step: str
    message: str
    error_class: str = Field(serialization_alias="class", validation_alias="class")
    error_code: str = ""
    timestamp: Timestamp = Field(default_factory=utc_now)
    attempt: int = 1

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class StageRecord(BaseModel):
    """What happened in one stage the last time it ran."""

    status: str = Field(default="pending", description="pending | running | completed | failed | skipped")
    cached: bool = False
    started: Timestamp | None = None
    finished: Timestamp | None = None
    note: str = ""
    provider: str | None = None
    model: str | None = None
    prompt_version: int | None = None
    fallback_reason: str | None = None
    attempts: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]], description="model attempts, in order")
    usage: Usage = Field(default_factory=Usage)


class Submission(BaseModel):
    """Stored in `submissions`; the subject of `book_review` jobs."""

    submission_id: str
    request: SubmitRequest
    status: SubmissionStatus = SubmissionStatus.PENDING
    title: str | None = None
    job_id: str | None = Field(default=None, description="the latest job")
    article_id: str | None = None
    book_id: str | None = None
    stages: dict[str, StageRecord] = Field(default_factory=dict)
    epochs: dict[str, int] = Field(default_factory=dict, description="by stage; bumped by a rerun")
    overrides: dict[str, dict[str, Any]] = Field(default_factory=dict, description="by stage; from retry_step")
    errors: list[StepError] = Field(default_factory=list[StepError])
    notes: list[str] = Field(default_factory=list)
    created: Timestamp = Field(default_factory=utc_now)
    updated: Timestamp = Field(default_factory=utc_now)
