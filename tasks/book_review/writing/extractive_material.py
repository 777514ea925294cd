"""What the article without a model is made of, and how its sources and values are named in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from spine.contracts.books import BookMetadata, ConsolidatedBook, Money
from spine.contracts.texts import KnowledgeBase, LinkSummary, WebResearch
from tasks.book_review.claims import ClaimCheck
from tasks.book_review.writing.layout import Piece, Weight
from tasks.book_review.writing.markdown_text import escaped
from tasks.book_review.writing.phrases import Phrases


@dataclass(frozen=True)
class Material:
    """Everything that the article may use."""

    book: ConsolidatedBook
    knowledge: KnowledgeBase
    summaries: Sequence[LinkSummary]
    research: WebResearch
    phrases: Phrases

    @property
    def metadata(self) -> BookMetadata:
        return self.book.metadata

    @cached_property
    def check(self) -> ClaimCheck:
        return ClaimCheck(self.book, self.knowledge.passages)

    def piece(self, key: str, weight: Weight, **values: str) -> Piece:
        """A sentence of the language with its values, which are shown literally."""
        shown = {name: escaped(value) for name, value in values.items()}
        return Piece(self.phrases.say(key, **shown), weight)

    def source_label(self, source: str, url: str | None) -> str:
        """`the product page (amazon.de)`, `Open Library`, `a linked page (example.org)`."""
        names = self.phrases.names
        if source in names and source not in ("product", "link"):
            return names[source]
        name = names["product"] if source == "amazon" else names["link"]
        host = public_host(url)
        return f"{name} ({host})" if host else name

    def shown(self, field: str, value: Any) -> str:
        """A value of a field as readers of the language write it."""
        said = self.phrases
        if isinstance(value, dict):
            value = Money.model_validate(value)
        if isinstance(value, Money):
            return said.money(value)
        if isinstance(value, list):
            return ", ".join(map(str, value))
        if field == "publication_date":
            return said.date(str(value))
        if field == "language":
            return said.language_name(str(value))
        return said.number(value) if field in ("rating", "rating_count") else str(value)


def public_host(url: str | None) -> str:
    """The host of an address without `www.`; empty for a number, a port on this machine or nothing."""
    host = (urlsplit(url or "").hostname or "").removeprefix("www.")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else ""
    return ""
