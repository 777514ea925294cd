"""Two libraries read a page independently; where they agree is the text, where one stands alone is the edge."""

from __future__ import annotations

import logging
import re
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import trafilatura
from lxml.html import HtmlElement, document_fromstring, tostring
from readability import Document

# Both log each page they cannot read, one with a traceback; here that is an ordinary answer.
logging.getLogger("readability.readability").setLevel(logging.CRITICAL)
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

_SHINGLE = 4  # words; the unit in which two readings are compared
_MOST_TRIMMED = 0.4  # of the characters, at each end
_LONG_TEXT = 200_000  # characters; its edges are nothing beside it, and a second reading takes a second
_PROSE_LINE = 40  # characters; menus and labels are shorter
_TOKEN = re.compile(r"\w+")
_SPACES = re.compile(r"\s+")
_BLOCKS = (
    *("p", "div", "section", "article", "blockquote", "pre", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "br", "hr", "figure", "main", "header", "footer"),
)


@dataclass(frozen=True)
class Reading:
    """One extractor's view of a page: its lines in order, none of them empty."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, text: str | None) -> Reading:
        return cls(tuple(line for raw in (text or "").splitlines() if (line := raw.strip())))

    @cached_property
    def prose(self) -> int:
        """Characters in lines long enough to be sentences."""
        return sum(len(line) for line in self.lines if len(line) >= _PROSE_LINE)

    @cached_property
    def shingles(self) -> Counter[tuple[str, ...]]:
        return Counter(_shingles(_TOKEN.findall("\n".join(self.lines))))

    @cached_property
    def words(self) -> str:
        """All words with one space around each, so that a short phrase can be looked up."""
        return f" {' '.join(_TOKEN.findall(' '.join(self.lines)))} "

    def share_in(self, other: Reading) -> float:
        """How much of this reading stands in the other, 0 to 1; an empty one is part of any."""
        total = self.shingles.total()
        return (self.shingles & other.shingles).total() / total if total else 1.0

    def confirms(self, line: str) -> bool:
        """Whether most of the line stands in this reading. A line without words needs no confirming."""
        tokens = _TOKEN.findall(line)
        if len(tokens) < _SHINGLE:
            return not tokens or f" {' '.join(tokens)} " in self.words
        shingles = _shingles(tokens)
        return 2 * sum(shingle in self.shingles for shingle in shingles) > len(shingles)


def read_main_text(tree: HtmlElement, links: frozenset[str]) -> Reading:
    """The main text of a tree without furniture. `links` are the texts of the page's links (see `squeezed`)."""
    first = read_by_structure(tree)
    if first.prose > _LONG_TEXT:
        return first
    second = read_by_density(tree)
    if _is_fragment_of(first, second):
        return second
    if not first.prose:
        return read_at_any_price(tree)
    return _without_lonely_edges(first, second, links)


def read_by_structure(tree: HtmlElement) -> Reading:
    """trafilatura's own rules, without its fallbacks: precise, but it takes one container only."""
    return Reading.of(_trafilatura(tree, fast=True))


def read_at_any_price(tree: HtmlElement) -> Reading:
    """trafilatura with all of its fallbacks, for pages where neither reading finds sentences."""
    return Reading.of(_trafilatura(tree, fast=False))


def read_by_density(tree: HtmlElement) -> Reading:
    """Readability's scoring of paragraphs: joins a text that is cut into several containers."""
    try:
        summary = Document(tostring(tree, encoding="unicode")).summary(html_partial=True)
        return Reading.of(_block_text(document_fromstring(summary)))
    except Exception:  # the library wraps whatever its parser or cleaner met; the other reading remains
        return Reading(())


def _trafilatura(tree: HtmlElement, *, fast: bool) -> str | None:
    try:
        return trafilatura.extract(deepcopy(tree), fast=fast, include_comments=False)
    except Exception:  # odd markup breaks assumptions of the library; the other reading remains
        return None


def _is_fragment_of(first: Reading, second: Reading) -> bool:
    """The first reading stopped at a part of the text, or took a menu for it."""
    if second.prose <= 1.7 * first.prose:
        return False
    return first.share_in(second) > 0.85 or 2 * first.prose < sum(map(len, first.lines))


def _without_lonely_edges(reading: Reading, witness: Reading, links: frozenset[str]) -> Reading:
    """Cut what only one extractor has at the beginning and at the end: headlines, standfirsts, boxes, imprints.

    In the middle a lonely line is as a rule good (an embedded post, a list), so it stays.
    """
    if reading.share_in(witness) < 0.5:
        return reading
    confirmed = [witness.confirms(line) for line in reading.lines]
    if not any(confirmed):
        return reading
    start = confirmed.index(True)
    end = len(confirmed) - confirmed[::-1].index(True)
    while end < len(confirmed) and _is_plain_item(reading.lines[end], links):
        end += 1
    allowed = _MOST_TRIMMED * sum(map(len, reading.lines))
    start = start if sum(map(len, reading.lines[:start])) <= allowed else 0
    end = end if sum(map(len, reading.lines[end:])) <= allowed else len(confirmed)
    return Reading(reading.lines[start:end])


def _is_plain_item(line: str, links: frozenset[str]) -> bool:
    """A list item that is no link: Readability drops lists that a text ends with (steps, ingredients)."""
    return line.startswith("- ") and squeezed(line) not in links


def squeezed(text: str) -> str:
    """A form in which a line and the link or title it shows compare equal."""
    return "".join(_TOKEN.findall(text)).casefold()


def _shingles(tokens: list[str]) -> list[tuple[str, ...]]:
    return [tuple(tokens[at : at + _SHINGLE]) for at in range(max(1, len(tokens) - _SHINGLE + 1))] if tokens else []


def _block_text(summary: HtmlElement) -> str:
    """One line for each block, list items marked as trafilatura marks them."""
    for element in summary.iter():
        element.text = _SPACES.sub(" ", element.text or "")
        element.tail = _SPACES.sub(" ", element.tail or "")
    for element in summary.iter(*_BLOCKS):
        element.text = ("\n- " if element.tag == "li" else "\n") + element.text
        element.tail = "\n" + element.tail
    return str(tostring(summary, method="text", encoding="unicode"))
