"""What is known of a book, from one page or from all sources together."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Money(BaseModel):
    """An amount in a currency, as a shop prints it."""

    model_config = ConfigDict(frozen=True)

    amount: float = Field(ge=0, description="in units of the currency, e.g. 12.99")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")


class BookMetadata(BaseModel):
    """One page's facts about a book. What the page does not say is None."""

    title: str | None = None
    authors: list[str] | None = Field(default=None, description="role Author only, in the page's order")
    asin: str | None = None
    isbn_10: str | None = Field(default=None, description="10 characters without hyphens")
    isbn_13: str | None = Field(default=None, description="13 digits without hyphens")
    price_book: Money | None = Field(default=None, description="new, buy-now, printed edition")
    price_ebook: Money | None = Field(default=None, description="buy-now, electronic edition")
    rating: float | None = Field(default=None, ge=0, le=5)
    rating_count: int | None = Field(default=None, ge=0)
    pages: int | None = Field(default=None, ge=0)
    language: str | None = Field(default=None, description="as the page names it")
    publisher: str | None = None
    publication_date: str | None = Field(default=None, description="ISO date: YYYY, YYYY-MM or YYYY-MM-DD")
    cover_image_url: str | None = None
    description: str | None = None


class SourcedValue(BaseModel):
    """One source's word on one field."""

    source: str = Field(description="short name of the source: amazon, goodreads, openlibrary, link:2, …")
    url: str | None = None
    value: Any = None


class FieldProvenance(BaseModel):
    """Why a field of the consolidated book has its value."""

    source: str
    reason: str = Field(description="one sentence for a person")
    conflicts: list[SourcedValue] = Field(
        default_factory=list[SourcedValue], description="what other sources say instead"
    )


class ConsolidatedBook(BaseModel):
    """All sources merged field by field; stored in `books`, one per submission."""

    metadata: BookMetadata
    provenance: dict[str, FieldProvenance] = Field(default_factory=dict, description="by metadata field")
    sources: list[SourcedValue] = Field(
        default_factory=list[SourcedValue], description="every source with its BookMetadata"
    )
    notes: list[str] = Field(default_factory=list, description="e.g. an ISBN that failed its check")
