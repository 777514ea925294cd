"""Turns HTML into blocks as it streams by, without building a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lxml.etree import HTMLParser

from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, About, Block, Item

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_UNREAD = frozenset(
    (
        *("script", "style", "noscript", "template", "svg", "math", "nav", "button", "select", "textarea"),
        *("object", "iframe", "audio", "video", "canvas"),
    )
)
_ANNOTATIONS = frozenset(("rp", "rt", "rtc"))
"""How the text of a `ruby` is pronounced, beside that text."""
_BLOCKS = frozenset(
    (
        *_HEADINGS,
        *("html", "head", "body", "frameset", "noframes", "address", "article", "aside", "footer", "header", "hgroup"),
        *("main", "search", "section", "blockquote", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt"),
        *("figcaption", "figure", "hr", "li", "listing", "menu", "ol", "p", "plaintext", "pre", "summary", "ul", "xmp"),
        *("caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "datalist", "fieldset"),
        *("form", "legend", "optgroup", "option"),
    )
)
"""Every other element stands inside a line, those included that HTML does not know, such as Word's `st1:City`."""
_BLOCK_TAG = re.compile(rb"</?(?:p|div|h[1-6]|li|tr|section|article|blockquote)\b", re.IGNORECASE)
_LONGEST_FEED = 4 << 20  # bytes
_SPACE = re.compile(r"[ \t\r\n\f]+")


class _Blocks:
    """Target of the parser: collects blocks, which the reader takes after each piece."""

    def __init__(self) -> None:
        self.found: list[Item] = []
        self._text: list[str] = []
        self._length = 0
        self._heading = 0
        self._unread: list[str] = []
        self._title: list[str] | None = None
        self._preformatted = 0

    def start(self, tag: Any, attributes: Any) -> None:
        if self._unread and self._unread[0] in _ANNOTATIONS and (tag == "rb" or tag in _BLOCKS):
            self._unread.clear()  # the end of an annotation may be left out
        if self._unread or tag in _UNREAD or tag in _ANNOTATIONS:
            self._unread.append(tag)
        elif tag == "title":
            self._title = []
        elif tag == "br":
            self._add("\n")
        elif tag in _BLOCKS:
            self._close_block()
            self._heading = _HEADINGS.get(tag, 0)
            self._preformatted += tag == "pre"

    def end(self, tag: Any) -> None:
        if self._unread:
            # A tag inside that was never closed ends with the one that holds it.
            if tag in self._unread:
                while self._unread.pop() != tag:
                    pass
        elif tag == "title":
            self._take_title()
        elif tag in _BLOCKS:
            self._close_block()
            self._heading = 0
            self._preformatted -= tag == "pre" and self._preformatted > 0

    def data(self, text: str) -> None:
        if self._title is not None:
            self._title.append(text)
        elif not self._unread:
            self._add(text if self._preformatted else _SPACE.sub(" ", text))

    @property
    def is_plain(self) -> bool:
        """Whether nothing is open whose text is read in a way of its own."""
        return not self._unread and self._title is None and not self._preformatted

    def comment(self, text: str) -> None: ...

    def pi(self, target: str, data: str | None = None) -> None: ...

    def close(self) -> list[Item]:
        self._take_title()
        self._close_block()
        return self.take()

    def take(self) -> list[Item]:
        found, self.found = self.found, []
        return found

    def _add(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        if self._length > LONGEST_BLOCK:
            self._close_block()

    def _take_title(self) -> None:
        if self._title and (title := " ".join("".join(self._title).split())):
            self.found.append(About(title=title))
        self._title = None

    def _close_block(self) -> None:
        lines = (line.strip() for line in "".join(self._text).split("\n"))
        self._text, self._length = [], 0
        if text := "\n".join(lines).strip():
            self.found.append(Block(text if not self._heading else " ".join(text.split()), heading=self._heading))


class _Feed:
    """Feeds blocks from one parser after another: libxml2 (2.14) keeps all that a parser was ever fed.

    A parser is followed by the next one before the tag of a block, where nothing is open that the next one would have
    to know of. A text without such a place goes on in the same parser.
    """

    def __init__(self, blocks: _Blocks) -> None:
        self._blocks = blocks
        self._parser = self._new_parser()
        self._fed = 0
        self._in_comment = False
        self._tail = b""

    def read(self, piece: bytes) -> list[Item]:
        """What the piece completes."""
        found: list[Item] = []
        if self._fed > _LONGEST_FEED and (seam := self._seam(piece)):
            self._parser.feed(piece[:seam])
            self._note_comments(piece[:seam])
            piece = piece[seam:]
            if self._blocks.is_plain and not self._in_comment:
                found += self._parser.close()
                self._parser, self._fed = self._new_parser(), 0
        self._parser.feed(piece)
        self._note_comments(piece)
        self._fed += len(piece)
        return found + self._blocks.take()

    def close(self) -> list[Item]:
        return self._parser.close() if self._fed else []

    def _new_parser(self) -> Any:
        return HTMLParser(target=self._blocks, no_network=True, encoding="utf-8")

    def _seam(self, piece: bytes) -> int:
        """The last place before the tag of a block; 0 where there is none."""
        return max((tag.start() for tag in _BLOCK_TAG.finditer(piece)), default=0)

    def _note_comments(self, piece: bytes) -> None:
        joined = self._tail + piece
        opened, closed = joined.rfind(b"<!--"), joined.rfind(b"-->")
        if opened != closed:
            self._in_comment = opened > closed
        self._tail = joined[-3:]  # a mark may be cut in two


def markup_blocks(pieces: Iterable[str]) -> Iterator[Item]:
    """Blocks of an HTML or XHTML text given in pieces; broken markup is read as a browser reads it."""
    feed = _Feed(_Blocks())
    for piece in pieces:
        if piece:
            yield from feed.read(piece.encode("utf-8", errors="replace"))
    yield from feed.close()
