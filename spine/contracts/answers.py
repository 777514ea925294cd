"""A model's answer as a stage keeps it: the value with where it came from."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, Field

from spine.contracts.jobs import Usage

T = TypeVar("T", bound=BaseModel)


class StageAnswer(BaseModel):
    """Cached in Redis under the stage's key for as long as the result block's `key_ttl`."""

    output: dict[str, Any] = Field(description="the answer, as JSON of its type")
    provider: str
    model_id: str
    usage: Usage
    seconds: float = 0.0
    attempts: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    fallback_reason: str | None = None
    made_in: str = Field(description="job and attempt that asked; another one that reads it got it from the cache")

    def read(self, kind: type[T]) -> T:
        return kind.model_validate(self.output)
