"""Reads the text out of Markdown: what a person sees, block by block, without markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tasks.book_review.writing.text_units import words

_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
_AS_SHOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_LINE_START = re.compile(r"^(?:#+|[+-]|\d+[.)])(?=\s)")
_VISIBLE = frozenset({"text", "text_special", "code_inline", "softbreak", "hardbreak"})
_SHOWN = _VISIBLE | {"image"}
_TEXT_OF = {"softbreak": " ", "hardbreak": "\n"}


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item, table cell or piece of code."""

    kind: str  # heading | item | quote | cell | paragraph | code
    text: str
    level: int = 0  # of a heading


def blocks(markdown: str) -> list[Block]:
    """The blocks of a Markdown text in their order; images, raw HTML and code fences are not text."""
    return [block for block in _walk(_PARSER.parse(markdown)) if block.kind != "code"]


def shown_blocks(markdown: str) -> list[Block]:
    """All that readers of an article are shown: raw HTML stands there as text, code as it is, and of an image its
    description, which is read wherever the image is not."""
    return list(_walk(_AS_SHOWN.parse(markdown), _SHOWN))


def plain_text(markdown: str) -> str:
    """The text of a Markdown document, one block a line."""
    return "\n".join(block.text for block in blocks(markdown))


def count_words(markdown: str) -> int:
    """Words that a reader sees. Markup and list marks do not count, an address counts as one word.

    A word is a run of letters and digits; inner apostrophes, hyphens and decimal marks do not part it. In Chinese and
    Japanese, which do not space words, each character counts as one, as word processors count them.
    """
    text = _URL.sub(" address ", plain_text(markdown))
    return len(words(re.sub(r"(?<=\w)[-‐‑](?=\w)|(?<=\d)[.,](?=\d)", "", text)))


def escaped(text: str) -> str:
    """Text of a source as Markdown that shows it literally inside a line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def escaped_line(text: str) -> str:
    """The same for text that opens a line, where `1.` or `#` would start a list or heading."""
    return _LINE_START.sub(lambda mark: f"{mark.group()[:-1]}\\{mark.group()[-1]}", escaped(text))


def _walk(tokens: Sequence[Token], visible: frozenset[str] = _VISIBLE) -> Iterator[Block]:
    open_kinds: list[tuple[str, int]] = []
    for token in tokens:
        kind = _KINDS.get(token.type.removesuffix("_open").removesuffix("_close"))
        if kind and token.nesting == 1:
            open_kinds.append((kind, int(token.tag[1]) if kind == "heading" else 0))
        elif kind and token.nesting == -1:
            open_kinds.pop()
        elif token.type in ("fence", "code_block") and token.content.strip():
            yield Block("code", token.content.strip())
        elif token.type == "inline":
            text = _inline_text(token.children or [], visible)
            if text:
                kind, level = open_kinds[-1] if open_kinds else ("paragraph", 0)
                yield Block(kind, text, level)


_KINDS = {"heading": "heading", "list_item": "item", "blockquote": "quote", "td": "cell", "th": "cell"}


def _inline_text(tokens: Sequence[Token], visible: frozenset[str]) -> str:
    return "".join(_TEXT_OF.get(token.type, "") or token.content for token in tokens if token.type in visible).strip()
