"""The edge to research: sources that are asked about a book and answer with notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from spine.contracts.books import BookMetadata
from spine.contracts.texts import ResearchNote


class ResearchSource(Protocol):
    """One place to look a book up."""

    name: str

    async def search(self, book: BookMetadata, language: str) -> list[ResearchNote]:
        """What the source has on the book, in `language` (ISO 639-1) where it has several.

        Never raises a `MillraceError`: a source that fails or knows nothing gives one note with `.error`.
        """
        ...


class PostJson(Protocol):
    """Sends JSON to an address under the URL guard and gives the JSON of the answer. Raises only `spine.errors`."""

    async def __call__(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any: ...
