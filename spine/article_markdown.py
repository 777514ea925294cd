"""What an article's Markdown means, for the page on which it is approved and for the post that goes out alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

ARTICLE_TAGS = frozenset(
    {"p", "br", "hr", "h2", "h3", "h4", "h5", "h6", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
"""Tags that the Markdown may become, whoever shows it; what is struck out and images have a tag of each place's own."""

ARTICLE_ATTRIBUTES = {"a": frozenset({"href"}), "ol": frozenset({"start"})}

_LOWEST_HEADING = 6
_OUTWARD = re.compile(r"(?:https?://[^/?#]|mailto:)", re.IGNORECASE)


def article_parser() -> MarkdownIt:
    """A parser of its own for whoever adds rules of rendering. Raw HTML is text: `<c>` is shown as `<c>`."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def leads_outward(address: str) -> bool:
    """Whether a link leads to the web or to mail, and not into the site that shows the article."""
    return _OUTWARD.match(address) is not None


def highest_heading(tokens: Sequence[Token]) -> int | None:
    """The level at which the article's outline begins; None without headings."""
    return min((_level(token) for token in tokens if token.type == "heading_open"), default=None)


def shift_headings(tokens: Sequence[Token], by: int) -> None:
    """Move the whole outline by so many levels, so that its order stays; there is none below the sixth."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_LOWEST_HEADING, _level(token) + by)}"


def describe_images(tokens: Sequence[Token], shown: Callable[[str], bool]) -> None:
    """An image whose address is not to be `shown` becomes its description."""
    for child in (child for token in tokens for child in token.children or []):
        if child.type == "image" and not shown(str(child.attrGet("src") or "")):
            child.type, child.tag, child.children = "text", "", None


def _level(heading: Token) -> int:
    return int(heading.tag[1])
