"""What a search gives back."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SearchHit(BaseModel):
    """A passage that answers a query."""

    id: str
    text: str
    score: float = Field(description="0 to 1; compares within one answer")
    collection: str = Field(description="works | quotes | profile, as the search was asked")
    work: str | None = None
    section: str | None = None
    start: int | None = Field(default=None, description="first character in the normalised work")
    end: int | None = Field(default=None, description="the character after the last")
