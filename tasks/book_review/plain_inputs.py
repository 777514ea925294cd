"""What a stage is given, in plain values: for its cache keys, for the names of its tasks, for a rerun's edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from spine.contracts.books import BookMetadata, ConsolidatedBook


def facts(book: ConsolidatedBook) -> dict[str, Any]:
    return book.metadata.model_dump()


def plain(models: Sequence[BaseModel]) -> list[dict[str, Any]]:
    return [model.model_dump() for model in models]


def task_title(book: ConsolidatedBook) -> str:
    return book.metadata.title or "the book"


def corrected(metadata: BookMetadata, edits: dict[str, Any] | None) -> BookMetadata:
    """The facts with those over them that a rerun replaced."""
    return BookMetadata.model_validate({**metadata.model_dump(), **edits}) if edits else metadata
