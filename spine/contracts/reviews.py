"""What a finished review gives back."""

from __future__ import annotations

from pydantic import BaseModel

from spine.contracts.texts import Article


class ReviewResult(BaseModel):
    """The article that waits for its review, and where its records are."""

    submission_id: str
    job_id: str
    article: Article
