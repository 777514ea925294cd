"""What the article without a model is made of, and how its sources and values are named in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
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

    @cached_property
    def page_labels(self) -> dict[str, str]:
        """Each page that the article rests on, by its address (or its source, where it has none), with its own label:
        `a linked page (example.org)`, `a linked page (example.org/review)`."""
        said = [(source.source, source.url) for source in self.book.sources]
        read = [(passage.source, passage.url) for passage in self.knowledge.passages]
        labels: dict[str, str] = {}
        for source, url in [*said, *read]:
            if (page := url or source) not in labels:
                labels[page] = _told_apart(self.source_label(source, url), url or "", set(labels.values()))
        return labels

    def signature(self, source: str, url: str | None) -> str:
        """How a quotation is signed: as the page stands in the list of sources."""
        return escaped(self.page_labels.get(url or source) or self.source_label(source, url))

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


def _told_apart(label: str, url: str, taken: Collection[str]) -> str:
    """The label, with as much of the address as parts it from those that are taken, at last with a number."""
    host, address = public_host(url), urlsplit(url)
    longer = [address.path, f"{address.path}?{address.query}"] if url else []
    choices = [label, *(_with_place(label, host, place) for place in longer)]
    numbered = (f"{label} {number}" for number in count(2))
    return next(choice for choice in chain(choices, numbered) if choice not in taken)


def _with_place(label: str, host: str, place: str) -> str:
    return label.replace(host, f"{host}{place}") if host and host in label else f"{label} {place}"
